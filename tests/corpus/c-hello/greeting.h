#define GREETING "hello from nothing"
