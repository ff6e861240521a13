#include "html.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "io/image.h"
#include "io/markup.h"

static const char html_style[] =
    ":root{color-scheme:light dark;--ink:#1f2328;--paper:#fff;--faint:#656d76;"
    "--line:#d8dee4;--card:#f6f8fa;--mark:#0b63c5}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e9ec;--paper:#16191d;"
    "--faint:#8b949e;--line:#30363d;--card:#1d2126;--mark:#63a9ff}}"
    "*{box-sizing:border-box}"
    "body{margin:0 auto;padding:16px;max-width:1080px;background:var(--paper);"
    "color:var(--ink);font:15px/1.5 system-ui,sans-serif}"
    "h1{font-size:24px;margin:8px 0;overflow-wrap:anywhere}"
    "h2{font-size:18px;margin:32px 0 8px;border-bottom:1px solid var(--line)}"
    "p{margin:8px 0}.faint{color:var(--faint)}"
    ".cards{display:grid;gap:12px;grid-template-columns:repeat(auto-fit,minmax(170px,1fr)"
    ")}"
    ".card{background:var(--card);border-radius:8px;padding:10px 14px}"
    ".card b{display:block;font-size:18px;overflow-wrap:anywhere}"
    ".plots{display:grid;gap:16px;"
    "grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr))}"
    ".plots svg{width:100%;height:auto}"
    ".keys span{display:inline-block;margin-right:16px;overflow-wrap:anywhere}"
    ".scroll{overflow-x:auto}"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
    "th,td{padding:3px 12px 3px 0;text-align:right;border-bottom:1px solid var(--line)}"
    "th:first-child,td:first-child{text-align:left}"
    "th{cursor:pointer;font-weight:600;white-space:nowrap}"
    ".facts td{text-align:left;overflow-wrap:anywhere}.facts td:first-child{"
    "color:var(--faint);white-space:nowrap;vertical-align:top}"
    ".pictures{display:grid;gap:12px;grid-template-columns:repeat(auto-fill,minmax(132px,"
    "1fr))}"
    "figure{margin:0}figure img{width:100%;image-rendering:pixelated;border-radius:6px;"
    "border:1px solid var(--line)}"
    "figcaption{font-size:13px;line-height:1.35;overflow-wrap:anywhere}"
    ".bar{display:inline-block;height:10px;background:var(--mark);border-radius:2px}"
    "pre{overflow-x:auto;background:var(--card);padding:12px;border-radius:8px;"
    "font-size:13px}"
    "summary{cursor:pointer}";

/* Sorts the rows of a table by a column: numbers by value, from large to small first. */
static const char html_script[] =
    "document.addEventListener('click',e=>{const h=e.target.closest('th');if(!h)return;"
    "const t=h.closest('table'),i=[...h.parentNode.children].indexOf(h),"
    "d=h.dataset.down!=='1';h.dataset.down=d?'1':'0';"
    "const v=r=>{const s=r.cells[i].textContent,n=parseFloat(s);return isNaN(n)?s:n};"
    "const rows=[...t.tBodies[0].rows].sort((a,b)=>{const x=v(a),y=v(b);"
    "const c=typeof x===typeof y?(x<y?-1:x>y?1:0):typeof x==='number'?1:-1;"
    "return d===(i>0)?-c:c});rows.forEach(r=>t.tBodies[0].append(r))});";

void html_text(FILE *out, const char *text)
{
    markup_write_text(out, text);
}

static void html_vtextf(FILE *out, const char *fmt, va_list args)
{
    char *text = mem_vformat(fmt, args);
    html_text(out, text);
    free(text);
}

void html_textf(FILE *out, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    html_vtextf(out, fmt, args);
    va_end(args);
}

void html_begin(FILE *out, const char *title)
{
    fputs(HTML_HEAD
          "<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
          "<title>",
          out);
    html_text(out, title);
    fprintf(out, "</title>\n<style>%s</style>\n</head>\n<body>\n", html_style);
}

void html_end(FILE *out)
{
    fprintf(out, "<script>%s</script>\n</body>\n</html>\n", html_script);
}

void html_heading(FILE *out, const char *text)
{
    fputs("<h2>", out);
    html_text(out, text);
    fputs("</h2>\n", out);
}

void html_table_begin(FILE *out, ...)
{
    va_list heads;
    const char *head;
    fputs("<div class=\"scroll\"><table>\n<thead><tr>", out);
    va_start(heads, out);
    while ((head = va_arg(heads, const char *))) {
        fputs("<th>", out);
        html_text(out, head);
        fputs("</th>", out);
    }
    va_end(heads);
    fputs("</tr></thead>\n<tbody>\n", out);
}

void html_table_end(FILE *out)
{
    fputs("</tbody></table></div>\n", out);
}

void html_row(FILE *out)
{
    fputs("<tr>", out); /* HTML closes rows and cells by itself */
}

void html_cell(FILE *out, const char *text)
{
    fputs("<td>", out);
    html_text(out, text);
}

void html_cellf(FILE *out, const char *fmt, ...)
{
    va_list args;
    fputs("<td>", out);
    va_start(args, fmt);
    html_vtextf(out, fmt, args);
    va_end(args);
}

static void html_base64(FILE *out, const uint8_t *data, size_t bytes)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes; i += 3) {
        size_t left = bytes - i;
        unsigned block = (unsigned)data[i] << 16 |
                         (left > 1 ? (unsigned)data[i + 1] << 8 : 0) |
                         (left > 2 ? (unsigned)data[i + 2] : 0);
        fputc(digits[block >> 18], out);
        fputc(digits[block >> 12 & 63], out);
        fputc(left > 1 ? digits[block >> 6 & 63] : '=', out);
        fputc(left > 2 ? digits[block & 63] : '=', out);
    }
}

void html_image(FILE *out, const struct image *image, const char *alt)
{
    size_t bytes;
    uint8_t *png = image_png(image, &bytes);
    fputs("<img alt=\"", out);
    html_text(out, alt);
    fputs("\" src=\"data:image/png;base64,", out);
    html_base64(out, png, bytes);
    fputs("\">", out);
    free(png);
}
