import CCaplet
import Caplet
import LinearAlgebra

/// The arguments that all requests have.
private struct RequestCall {
    let workspace: OpaquePointer?
    let request: UnsafePointer<CChar>?
    let report: caplet_report?
    let user: UnsafeMutableRawPointer?
    let stop: OpaquePointer?
    let result: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
    let message: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?

    /// - Parameters:
    ///   - multiplies: whether OpenBLAS is called, which would end the process where it is not there.
    ///   - make: the request of its JSON.
    ///   - line: the result as JSON.
    func perform<R: Request>(
        multiplies: Bool, _ make: (inout RequestReader) throws -> R, _ line: (R, R.Output) throws -> String
    ) -> Int32 {
        result?.pointee = nil
        return Calls.guarded(message) { () throws -> Void in
            let workspace = try Handles.needed(workspace, "the workspace", Workspace.self)
            guard let text = request else { throw RequestError(.usage, "the request is NULL") }
            var json = try RequestReader(text)
            let request = try make(&json)
            var options = RequestOptions()
            options.refusesWarnings = try json.flag("strict") ?? false
            options.followsLinks = try json.flag("follow_links") ?? false
            try json.finish()
            if multiplies, let problem = LinearAlgebraRuntime.problem {
                throw RequestError(.unsupported, "OpenBLAS cannot be loaded: \(problem)")
            }
            let cancellation = self.cancellation
            let relay = EventRelay(report, user, cancellation)
            let output = try workspace.perform(request, options, cancellation: cancellation) { event in relay.report(event) }
            result?.pointee = Calls.text(try line(request, output))
        }
    }

    /// Of this request alone, and asked for where `stop` is.
    private var cancellation: Cancellation {
        guard let stop else { return Cancellation() }
        let asked = Handles.object(stop, Cancellation.self)
        return Cancellation(orWhen: { asked.isRequested })
    }
}

@_cdecl("caplet_convert")
public func capletConvert(
    _ workspace: OpaquePointer?, _ request: UnsafePointer<CChar>?, _ report: caplet_report?, _ user: UnsafeMutableRawPointer?,
    _ stop: OpaquePointer?, _ result: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
    _ message: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
    RequestCall(workspace: workspace, request: request, report: report, user: user, stop: stop, result: result, message: message)
        .perform(multiplies: false, ConversionRequest.init) { try $1.line(output: $0.output) }
}

@_cdecl("caplet_compress")
public func capletCompress(
    _ workspace: OpaquePointer?, _ request: UnsafePointer<CChar>?, _ report: caplet_report?, _ user: UnsafeMutableRawPointer?,
    _ stop: OpaquePointer?, _ result: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
    _ message: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
    RequestCall(workspace: workspace, request: request, report: report, user: user, stop: stop, result: result, message: message)
        .perform(multiplies: true, CompressionRequest.init) { try JSONOutput.line($1) }
}

@_cdecl("caplet_evaluate")
public func capletEvaluate(
    _ workspace: OpaquePointer?, _ request: UnsafePointer<CChar>?, _ report: caplet_report?, _ user: UnsafeMutableRawPointer?,
    _ stop: OpaquePointer?, _ result: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
    _ message: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
    RequestCall(workspace: workspace, request: request, report: report, user: user, stop: stop, result: result, message: message)
        .perform(multiplies: true, EvaluationRequest.init) { try $1.line(tokens: $0.tokenPath) }
}
