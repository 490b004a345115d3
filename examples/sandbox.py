"""Run what an agent wrote, one script after the other: with limits, and with an end to it all."""

import cuddy

SCRIPTS = {
    "/work/good.sh": "echo 42 > answer",
    "/work/endless.sh": "echo begun; while :; do :; done",
    "/work/greedy.sh": "tail /dev/zero",
}

with cuddy.Sandbox("alpine", files=SCRIPTS, workdir="/work", network="none", memory="64m",
                   cpus=1, pids=50, ttl=300) as box:  # fmt: skip
    for path in SCRIPTS:
        try:
            result = box.exec(["sh", path], timeout=2)
            print(path, result.exit_code, "out of memory" if result.out_of_memory else "")
        except cuddy.Timeout as late:
            print(path, "takes too long, said", late.stdout)
    print("answer:", box.read("/work/answer").decode())
    print("processes killed for want of memory:", box.usage().oom_kills)
