import Dispatch
import Execution
import Glibc

/// Turns the first SIGINT or SIGTERM into a request to stop and clean up; a second one ends the process as usual.
final class InterruptSignal {
    private var sources: [any DispatchSourceSignal] = []

    init(_ cancellation: Cancellation) {
        for number in [SIGINT, SIGTERM] {
            // A process that was started with the signal ignored, as in the background of a script, keeps ignoring it.
            var old = sigaction()
            sigaction(number, nil, &old)
            if unsafeBitCast(old.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) { continue }
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                cancellation.request()
                signal(number, SIG_DFL)
            }
            source.resume()
            sources.append(source)
        }
        // A full disk quota is an error of write, not a signal that kills.
        signal(SIGXFSZ, SIG_IGN)
        signal(SIGPIPE, SIG_IGN)
    }
}
