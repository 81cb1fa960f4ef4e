#ifndef CAPLET_DEFAULT_TEXT_H
#define CAPLET_DEFAULT_TEXT_H

#include <stddef.h>

/// Text to calibrate on where none is given: UTF-8, of `caplet_default_text_size` bytes.
const char *caplet_default_text_start(void);
extern const size_t caplet_default_text_size;

#endif
