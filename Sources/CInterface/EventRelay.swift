import CCaplet
import Caplet
import Synchronization

/// Events of one request on their way to a function in C, which is called by one thread at a time.
///
/// Safe to share: the pointers are only handed through, and the function's caller says that it may be called from any thread.
final class EventRelay: @unchecked Sendable {
    private let function: caplet_report?
    private let user: UnsafeMutableRawPointer?
    private let cancellation: Cancellation
    private let stage = Mutex(Stage())

    private struct Stage {
        var done = 0, total = 0
        var unit = ""
    }

    init(_ function: caplet_report?, _ user: UnsafeMutableRawPointer?, _ cancellation: Cancellation) {
        (self.function, self.user, self.cancellation) = (function, user, cancellation)
    }

    func report(_ event: Event) {
        guard let function else { return }
        stage.withLock { stage in
            let (kind, text) = EventRelay.noted(event, &stage)
            var (done, total) = (stage.done, stage.total)
            if case .entered(let mark) = event { (done, total) = (mark.number, mark.count) }
            let answer = text.withCString { text in
                stage.unit.withCString { unit in
                    var event = caplet_event(
                        struct_size: MemoryLayout<caplet_event>.size, kind: kind, text: text, unit: unit, done: UInt64(max(done, 0)),
                        total: UInt64(max(total, 0)))
                    return function(user, &event)
                }
            }
            if answer != 0 { cancellation.request() }
        }
    }

    private static func noted(_ event: Event, _ stage: inout Stage) -> (kind: Int32, text: String) {
        switch event {
        case .entered: return (Int32(CAPLET_EVENT_PIECE), "")
        case .began(let name, let total, let unit):
            stage = Stage(done: 0, total: total, unit: unit)
            return (Int32(CAPLET_EVENT_BEGAN), name)
        case .advanced(let units, let remark):
            stage.done += units
            return (Int32(CAPLET_EVENT_ADVANCED), remark)
        case .ended: return (Int32(CAPLET_EVENT_ENDED), "")
        case .warning(let line, let remedy): return (Int32(CAPLET_EVENT_WARNING), line + RemedyText.of(remedy))
        case .note(let line): return (Int32(CAPLET_EVENT_NOTE), line)
        case .detail(let line): return (Int32(CAPLET_EVENT_DETAIL), line)
        }
    }
}
