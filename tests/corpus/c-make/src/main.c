#include <stdio.h>
#include "count.h"

int main(void)
{
    struct count count = {0, 0};
    count_stream(stdin, &count);
    printf("%d %d\n", count.lines, count.words);
    return 0;
}
