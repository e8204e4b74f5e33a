/* text.h - of text.c what readers of files need alone. */
#ifndef TAPIR_CORE_TEXT_H
#define TAPIR_CORE_TEXT_H

/* As C's, with a decimal point in every locale; of the number that the text begins with. */
double tp__strtod(const char *text);

#endif
