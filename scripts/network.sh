# shellcheck shell=bash
# Sourced by launch.sh: by which networks the hosts of a job reach each other.
#
# Open MPI uses every interface that is up. Containers, virtual machines and VPNs give each
# host an interface of its own, often with the same address everywhere: what is sent there
# never leaves the host, and the job hangs. So each host is asked for its addresses. Good are
# the networks in which every host has an address that no other host has, and another host
# answers; else those of the addresses that answer. Without any, shared addresses are left out.

NETWORK_PATIENCE=${NETWORK_PATIENCE-20} # seconds until silent hosts are named
NETWORK_LIMIT=${NETWORK_LIMIT-60}       # seconds until they are left to the launcher

# network_hosts [OPTION...]: prints the hosts of a launcher's options, or of the SLURM job.
network_hosts() {
    local hosts='' file=''
    while [[ ${1-} == -* ]]; do
        case ${1/#--/-} in
        -H | -host) hosts+=,${2-} ;;
        -hostfile | -machinefile | -default-hostfile) file=${2-} ;;
        esac
        shift $(($(values_of "$1") + 1))
    done
    if [[ $hosts || $file ]]; then
        tr ',' '\n' <<<"$hosts" | sed 's/:.*//'
        [[ ! -r $file ]] || sed 's/#.*//' "$file" | awk 'NF { sub(/:.*/, "", $1); print $1 }'
    elif [[ ${SLURM_JOB_NODELIST-} ]]; then
        scontrol show hostnames "$SLURM_JOB_NODELIST" 2>/dev/null
    fi | awk 'NF && !/^\+/ && !seen[$1]++' # "+n0" is a place in SLURM's list
}

# network_mca NAME OPTION...: prints the value of mpirun's --mca option of that name (a pattern).
network_mca() {
    local name=$1
    shift
    while [[ ${1-} == -* ]]; do
        # shellcheck disable=SC2053
        [[ ${1/#--/-} == -mca && ${2-} == $name ]] && echo "${3-}"
        shift $(($(values_of "$1") + 1))
    done
}

# The command that runs others on a host, as mpirun finds it.
network_agent() {
    local agent
    agent=$(network_mca plm_rsh_agent "$@")
    agent=${agent:-${OMPI_MCA_plm_rsh_agent:-ssh}}
    agent=${agent%%:*}
    [[ ${agent% } == ssh ]] && agent='ssh -o BatchMode=yes -o ConnectTimeout=30'
    echo "$agent"
}

# What each host is asked: its interfaces and addresses, and "." when it has answered.
NETWORK_QUESTION='PATH=$PATH:/usr/sbin:/sbin
ip -o link show up 2>/dev/null && ip -o -4 address show up 2>/dev/null && echo .'

# network_ask OPTION...: asks the hosts, each into a file of $network_work. Sets
# network_askers, their pids.
network_ask() {
    local agent i
    if [[ ! $hosts && ${SLURM_JOB_ID-} ]]; then
        srun --overlap --ntasks="${#network_names[@]}" --ntasks-per-node=1 --cpu-bind=none \
            sh -c "($NETWORK_QUESTION) | sed \"s/^/\$SLURMD_NODENAME /\"" \
            >"$network_work/all" 2>/dev/null </dev/null &
        network_askers=($!)
        return
    fi
    read -ra agent <<<"$(network_agent "$@")"
    for i in "${!network_names[@]}"; do
        local ask=("${agent[@]}" "${network_names[i]}")
        network_is_here "${network_names[i]}" && ask=(sh -c)
        "${ask[@]}" "$NETWORK_QUESTION" >"$network_work/$i" 2>/dev/null </dev/null &
        network_askers+=($!)
    done
}

# The answers, each line behind the name of its host.
network_answers() {
    local i
    cat "$network_work/all" 2>/dev/null
    for i in "${!network_names[@]}"; do
        [[ ! -e $network_work/$i ]] || sed "s/^/${network_names[i]} /" "$network_work/$i"
    done
}

network_is_here() {
    [[ $1 == localhost || $1 == "$(hostname)" || $1 == "$(hostname -s)" ]]
}

# mpirun's own host takes part even if it has no ranks.
network_add_this_one() {
    local name
    for name in "${network_names[@]}"; do
        network_is_here "$name" && network_here=$name && return
    done
    network_here=$(hostname)
    network_names+=("$network_here")
}

# The hosts that have not answered.
network_silent() {
    network_answers | awk -v all="${network_names[*]}" '
        $2 == "." { heard[$1] = 1 }
        END { n = split(all, name, " ")
            for (i = 1; i <= n; i++) if (!heard[name[i]]) printf "%s ", name[i] }' |
        sed 's/ $//; s/ /, /g'
}

# Waits for the answers, and names those that it waits for.
network_wait() {
    local begin=$SECONDS named=''
    while [[ ! $stopping && $(jobs -r -p) && $(network_silent) ]]; do
        if ((SECONDS - begin >= NETWORK_PATIENCE)) && [[ ! $named ]]; then
            printf 'launch.sh: no answer from %s for %d s; still waiting\n' \
                "$(network_silent)" "$NETWORK_PATIENCE" >&2
            named=yes
        fi
        ((SECONDS - begin < NETWORK_LIMIT)) || break
        sleep 0.1
    done
}

# network_judge KIND <ANSWERS. Prints lines
#   common: networks in which every host has an address of its own, with one of another host
#   other:  addresses of other hosts, behind their network and before their host
#   own:    those of this host
#   all:    networks
#   shared: networks in which two hosts have the same address
network_judge() {
    awk -v kind="$1" -v hosts="${#network_names[@]}" -v here="$network_here" '
        function network(address, part, bits, size) {
            split(address, part, "[./]")
            bits = part[5] == "" ? 32 : part[5]
            size = 2 ^ (32 - bits)
            address = ((part[1] * 256 + part[2]) * 256 + part[3]) * 256 + part[4]
            address = int(address / size) * size
            return int(address / 2 ^ 24) "." int(address / 2 ^ 16) % 256 "." \
                int(address / 256) % 256 "." address % 256 "/" bits
        }
        $4 ~ /^</ {
            sub(/[@:].*/, "", $3)
            linked[$1, $3] = $4 ~ /[<,]LOWER_UP[,>]/
        }
        $4 != "inet" || $5 ~ /^127\./ { next }
        {
            net = network($5)
            sub("/.*", "", $5)
            if ($5 in owner && owner[$5] != $1) shared[net] = 1
            owner[$5] = $1
            net_of[$5] = net
            if ($1 != here) there[net] = $5
            if (linked[$1, $3] && !on[net, $1]++) count[net]++
        }
        END {
            if (kind == "common") for (net in count)
                if (count[net] == hosts && !shared[net]) print net, there[net]
            if (kind == "other" || kind == "own") for (address in owner)
                if ((owner[address] == here) == (kind == "own") && !shared[net_of[address]])
                    print net_of[address], address, owner[address]
            if (kind == "all") for (address in net_of) print net_of[address]
            if (kind == "shared") for (net in shared) print net
        }'
}

# Something answers at the address, be it that it refuses.
network_reaches() {
    local said
    said=$(LC_ALL=C timeout 2 bash -c "exec 3<>/dev/tcp/$1/22" 2>&1) || [[ $said == *refused* ]]
}

# network_reached <LINES: those whose address answers.
network_reached() {
    local net address host
    while read -r net address host; do
        network_reaches "$address" && echo "$net $address $host" &
    done
    wait
}

# The networks between which routers are: those of the other hosts' addresses that answer,
# and of this host's address from which it reaches them. Nothing if a host does not answer.
network_routed() {
    local reached net address host
    reached=$(network_judge other <<<"$1" | network_reached)
    (($(cut -d' ' -f3 <<<"$reached" | sort -u | grep -c .) == ${#network_names[@]} - 1)) || return
    while read -r net address host; do
        echo "$net"
        host=$(ip -o route get "$address" | sed -nE 's|.* src ([0-9.]+).*|\1|p')
        network_judge own <<<"$1" | awk -v mine="$host" '$2 == mine { print $1 }'
    done <<<"$reached" | sort -u
}

# network_choose OPTION...: sets Open MPI's networks, for messages and for its daemons,
# unless the user has chosen some.
network_choose() {
    local network_names network_here network_askers=() network_work
    mapfile -t network_names < <(network_hosts "$@")
    network_add_this_one
    ((${#network_names[@]} > 1)) || return
    network_tell_names_apart
    [[ $(network_mca '*tcp_if_*' "$@") ]] && return
    network_work=$(mktemp -d) || return
    network_ask "$@"
    network_wait
    network_set "$(network_answers)"
    kill "${network_askers[@]}" 2>/dev/null
    wait "${network_askers[@]}" 2>/dev/null
    rm -rf "$network_work"
}

# Only what an interface has may be included, but anything excluded.
network_set() {
    local part choice good bad
    good=$(network_judge common <<<"$1" | network_reached | cut -d' ' -f1)
    if [[ ! $good ]]; then
        good=$(network_routed "$1")
        bad=$(network_judge shared <<<"$1")
        [[ ! $good ]] || bad=$(network_judge all <<<"$1" | grep -vxF "$good")
        good=''
    fi
    for part in btl oob; do
        ompi_info --param $part tcp --level 9 --parsable 2>/dev/null |
            grep 'tcp_if_[ie].*:source:' | grep -qv ':default$' && continue
        choice=OMPI_MCA_${part}_tcp_if
        if [[ $good ]]; then
            export "${choice}_include=$(network_list "$good")"
        elif [[ $bad ]]; then
            [[ $part == btl ]] && bad="127.0.0.1/8 sppp $bad"
            export "${choice}_exclude=$(network_list "$bad")"
            bad=${bad#* sppp }
        fi
    done
}

network_list() {
    xargs -n 1 <<<"$1" | awk '!seen[$1]++' | paste -sd,
}

# Open MPI cuts host names at the first dot: node1.one and node1.two would be one host.
network_tell_names_apart() {
    local name short=''
    for name in "${network_names[@]}"; do
        [[ " $short " == *" ${name%%.*} "* ]] &&
            export OMPI_MCA_orte_keep_fqdn_hostnames=${OMPI_MCA_orte_keep_fqdn_hostnames-1}
        short+=" ${name%%.*}"
    done
}
