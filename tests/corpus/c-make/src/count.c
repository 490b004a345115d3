#include <ctype.h>
#include "count.h"

void count_stream(FILE *stream, struct count *count)
{
    int in_word = 0, c;
    while ((c = getc(stream)) != EOF) {
        count->lines += c == '\n';
        if (isspace(c))
            in_word = 0;
        else if (!in_word)
            count->words += in_word = 1;
    }
}
