#ifndef CAPLET_PROCESS_H
#define CAPLET_PROCESS_H

// What a program does about signals and its own end, where only C can say it: all of this is safe in a signal's handler.

/// Makes the first SIGINT, SIGTERM or SIGHUP a flag to be looked at; the second one, of whichever kind, ends the process as usual. A
/// signal that the process was started with ignoring (nohup, the background of a script) stays ignored. Writing to a closed pipe and
/// past a limit on file sizes become errors of write.
void caplet_catch_interrupts(void);

/// From now on such a signal ends the process as usual, but for those that it was started with ignoring.
void caplet_release_interrupts(void);

/// Forgets a signal that came, and catches the next one.
void caplet_catch_interrupts_again(void);

/// The number of such a signal that has come; 0 for none.
int caplet_is_interrupted(void);

/// From now on, a thread other than the first that ends the process by exit or quick_exit is not let: it sleeps for ever, and the flag
/// below is raised. Of functions that the process registers or loads later, plugins' own among them, some may run before.
void caplet_guard_exit(void);

/// Whether a thread other than the first has tried to end the process.
int caplet_was_exit_tried(void);

/// Tells that this thread runs code which is not ours and may do without memory that it does not get.
void caplet_begin_foreign_thread(void);

/// Whether this thread is such a one.
int caplet_is_foreign_thread(void);

#endif
