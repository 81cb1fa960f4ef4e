import CProcess
import Caplet

/// Turns the first SIGINT, SIGTERM or SIGHUP into a request to stop and clean up; a second one ends the process as usual.
enum InterruptSignal {
    /// To be called before anything that can leave a file behind.
    static func catchFirst() { caplet_catch_interrupts() }

    /// The flag that the signals set; also set by a plugin that tries to end the process, which is to be cleaned up after as well.
    static var cancellation: Cancellation { Cancellation(orWhen: { caplet_is_interrupted() != 0 || caplet_was_exit_tried() != 0 }) }
}
