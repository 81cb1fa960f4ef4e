import CCapletPlugin
import Execution
import FormatKit
import Synchronization

/// One call of a plugin's function: what the function can tell and ask Caplet while it runs, and how it ended.
final class PluginCall {
    /// What a function said of its failure.
    private struct Reason {
        var object = ""
        var message = ""
    }

    private let execution: ExecutionContext
    private let warn: (String) -> Void
    /// The stage that the function's progress is shown as; nil where a stage of Caplet's own is under way, which gets remarks.
    private let stage: String?
    private let remark: String
    private let reason = Mutex(Reason())
    private let shown = Mutex(Shown())

    /// What the function has shown so far.
    private struct Shown {
        var done: UInt64 = 0
        var isBegun = false
        /// Whether the call is over; a function that was left may still speak, and is not heard.
        var isOver = false
    }

    init(_ execution: ExecutionContext, stage: String? = nil, remark: String = "", warn: @escaping (String) -> Void = { _ in }) {
        self.execution = execution
        self.stage = stage
        self.remark = remark
        self.warn = warn
    }

    /// Calls `body` with a host that reaches this call, and returns what it returns.
    ///
    /// - Parameter body: holds all that the plugin's function may touch; it runs on a thread of `calls`.
    /// - Throws: what `PluginCalls.run` throws for a function that did not come back.
    func run<Result>(_ calls: PluginCalls, _ plugin: String, _ body: @escaping (UnsafePointer<caplet_host>) -> Result) throws -> Result {
        defer { endStage() }
        return try calls.run(plugin, execution.cancellation) { self.withHost(body) }
    }

    private func withHost<Result>(_ body: (UnsafePointer<caplet_host>) -> Result) -> Result {
        var host = caplet_host()
        host.struct_size = UInt32(MemoryLayout<caplet_host>.size)
        host.abi_version = CAPLET_PLUGIN_ABI_VERSION
        host.context = Unmanaged.passUnretained(self).toOpaque()
        host.fail = { host, object, message in
            PluginCall.of(host)?.reason.withLock { $0 = Reason(object: PluginText.shown(object), message: PluginText.shown(message)) }
        }
        host.warn = { host, message in PluginCall.of(host)?.tell(PluginText.shown(message)) }
        host.progress = { host, done, total, remark in PluginCall.of(host)?.show(done, total, PluginText.shown(remark)) }
        host.is_cancelled = { host in PluginCall.of(host)?.execution.cancellation.isRequested == true ? 1 : 0 }
        return withExtendedLifetime(self) { withUnsafePointer(to: host, body) }
    }

    private static func of(_ host: UnsafePointer<caplet_host>?) -> PluginCall? {
        guard let context = host?.pointee.context else { return nil }
        return Unmanaged<PluginCall>.fromOpaque(context).takeUnretainedValue()
    }

    private func tell(_ message: String) { shown.withLock { if !$0.isOver { warn(message) } } }

    private func show(_ done: UInt64, _ total: UInt64, _ text: String) {
        guard total > 0 else { return }
        shown.withLock { state in
            if state.isOver { return }
            guard let stage else {
                let percent = "\(Int(100 * Double(min(done, total)) / Double(total))) %"
                return execution.progress.advance(by: 0, remark: [remark, percent, text].filter { !$0.isEmpty }.joined(separator: " "))
            }
            if !state.isBegun { execution.progress.begin(stage, total: Int(clamping: total), unit: "steps") }
            state.isBegun = true
            let now = min(max(done, state.done), total)
            execution.progress.advance(by: Int(clamping: now - min(state.done, now)), remark: text)
            state.done = now
        }
    }

    private func endStage() {
        shown.withLock { state in
            if state.isBegun { execution.progress.end() }
            state.isBegun = false
            state.isOver = true
        }
    }

    /// What the function said of its failure, or that it said nothing.
    var message: String {
        reason.withLock { $0.message.isEmpty ? "failed without saying why" : $0.message }
    }

    private var object: String { reason.withLock { $0.object } }

    /// Throws what a status stands for, as if the format were built in.
    ///
    /// - Parameter path: the file that was read or written.
    func check(_ status: caplet_status, reading path: String, plugin: String) throws {
        switch Int(status) {
        case Int(CAPLET_OK): return
        case Int(CAPLET_MALFORMED): throw FormatError.malformed(path, object, message)
        case Int(CAPLET_UNSUPPORTED): throw FormatError.unsupported(path, object, message)
        case Int(CAPLET_USAGE): throw FormatError(.refused, path: path, object: object, message)
        case Int(CAPLET_WRITE_FAILED): throw FormatError(.writeFailed, path: path, object: object, message)
        case Int(CAPLET_CANNOT_OPEN): throw PluginError(.cannotOpen, plugin: path, object: object, message)
        case Int(CAPLET_CANCELLED) where execution.cancellation.isRequested: throw Cancelled()
        default: throw PluginError(.failed, plugin: plugin, object: object, fault(status))
        }
    }

    /// Throws what a status of a pass's function stands for.
    func check(_ status: caplet_status, plugin: String, object: String) throws {
        let place = [object, self.object].filter { !$0.isEmpty }.joined(separator: ": ")
        switch Int(status) {
        case Int(CAPLET_OK): return
        case Int(CAPLET_USAGE): throw PluginError(.usage, plugin: plugin, object: place, message)
        case Int(CAPLET_UNSUPPORTED): throw PluginError(.unsupported, plugin: plugin, object: place, message)
        case Int(CAPLET_MALFORMED): throw PluginError(.malformed, plugin: plugin, object: place, message)
        case Int(CAPLET_CANCELLED) where execution.cancellation.isRequested: throw Cancelled()
        default: throw PluginError(.failed, plugin: plugin, object: place, fault(status))
        }
    }

    private func fault(_ status: caplet_status) -> String {
        switch Int(status) {
        case Int(CAPLET_CANCELLED): return "gave up although nobody asked it to"
        case Int(CAPLET_OK)...Int(CAPLET_INTERNAL): return message
        default: return "returned the unknown status \(status): \(message)"
        }
    }
}
