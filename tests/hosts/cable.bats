#!/usr/bin/env bats
# Links that are long and lose frames make a run slow and change no bit. The emulated links
# have the speed they should have. Between two hosts a frame passes two cables; together they
# lose 1 % of the frames.

ROOM=(3 1000 5)
OPTIONS=(--set train.batch=71 --set train.grain=11 --set train.steps=30 --set log.every=5
    --resume)
source "$BATS_TEST_DIRNAME/fixture.sh"

# Seconds to connect from n1 to n2, send BYTES and receive an answer.
seconds_to_send() {
    on n2 timeout 60 /usr/bin/python3 -c '
import socket, sys
conn, _ = socket.create_server(("", 7000)).accept()
left = int(sys.argv[1])
while left > 0: left -= len(conn.recv(1 << 20))
conn.sendall(b"x")' "$1" 3>&- &
    on n1 timeout 60 /usr/bin/python3 -c '
import socket, sys, time
while True:
    begin = time.time()
    try: conn = socket.create_connection(("n2", 7000)); break
    except ConnectionRefusedError: time.sleep(0.1)
conn.sendall(bytes(int(sys.argv[1])))
conn.recv(1)
print(time.time() - begin)' "$1"
    wait $!
}

# resent HOST: how many segments its TCP has retransmitted.
resent() {
    on "$1" nstat -asz TcpRetransSegs | awk '/^TcpRetransSegs/ { print $2 }'
}

# Two cables of 1 ms, there and back, to connect and to send: 8 ms. 5 MB take 0.4 s at
# 100 Mbit/s, of which the shaper's bucket may save a little.
@test "the emulated links have their delay and rate" {
    took=$(seconds_to_send 1)
    echo "one byte: $took s"
    awk -v t="$took" 'BEGIN { exit !(t >= 0.008) }'
    link_rate 100mbit
    took=$(seconds_to_send 5000000)
    echo "5 MB: $took s"
    awk -v t="$took" 'BEGIN { exit !(t >= 0.38) }'
}

@test "a run over links that lose 1 % of the frames ends with the same bits" {
    link_rate 1gbit
    before=$(($(resent n1) + $(resent n2) + $(resent n3)))
    train_on n1,n2:2,n3 lossy
    after=$(($(resent n1) + $(resent n2) + $(resent n3)))
    echo "$((after - before)) segments were sent again"
    ((after > before))
    as_one_host lossy
    all_gone
}
