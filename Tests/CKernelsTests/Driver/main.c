#include "driver.h"

// Runs every kernel on inputs from a seed and prints a digest of each output: programs for different processors, and of one processor
// compiled in different ways, print the same lines where the bits are the same.
int main(void) {
    run_codecs();
    run_products();
    run_steps();
    return 0;
}
