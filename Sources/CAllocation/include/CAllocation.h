#ifndef CAPLET_ALLOCATION_H
#define CAPLET_ALLOCATION_H

/// A program that links this ends with status 70 and one line on standard error when it is out of memory: malloc and its like do not
/// return. Swift's run-time library would trap, and others ask again for ever. Code that is not ours, on a thread of
/// `caplet_begin_foreign_thread`, gets NULL as C has it. For programs only: a library leaves this to the program.
///
/// Nothing half-written has its final name at any time; what lies under temporary names is taken away by the next run.
void caplet_link_allocation(void);

#endif
