#ifndef CAPLET_DRIVER_H
#define CAPLET_DRIVER_H

void run_codecs(void);
void run_products(void);
void run_steps(void);

#endif
