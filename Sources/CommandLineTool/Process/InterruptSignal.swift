import CLibrary
import CProcess
import Caplet

/// Turns the first SIGINT, SIGTERM or SIGHUP into a request to stop and clean up; a second one ends the process as usual.
enum InterruptSignal {
    /// To be called before anything that can leave a file behind.
    static func catchFirst() { caplet_catch_interrupts() }

    /// The flag that the signals set; also set by a plugin that tries to end the process, which is to be cleaned up after as well.
    static var cancellation: Cancellation { Cancellation(orWhen: { caplet_is_interrupted() != 0 || caplet_was_exit_tried() != 0 }) }

    /// Lets the next signal end the process, while it waits for somebody's words and has nothing to clean up.
    static func release() { caplet_release_interrupts() }

    /// Forgets the signal that ended an answer, and catches the next one.
    static func catchAgain() { caplet_catch_interrupts_again() }

    /// Whether what was asked for is the end of one answer, by Ctrl-C, and not that of the process.
    static var isFromKeyboard: Bool { caplet_is_interrupted() == SIGINT && caplet_was_exit_tried() == 0 }

    /// Whether any of them came.
    static var isSet: Bool { cancellation.isRequested }
}
