"""Many containers at once, from threads."""

from concurrent.futures import ThreadPoolExecutor

import cuddy


def square(number: int) -> int:
    words = ["sh", "-c", f"echo $(({number} * {number}))"]
    return int(cuddy.run("alpine", words, network="none", check=True).stdout)


with ThreadPoolExecutor(4) as pool:
    print(list(pool.map(square, range(8))))
