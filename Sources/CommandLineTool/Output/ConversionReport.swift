import FormatKit

/// What `convert` prints at its end.
struct ConversionReport {
    let output: String
    let target: OutputTarget
    let plan: WritePlan
    let seconds: Double
    var adapter: WrittenAdapter?

    func print(_ session: Session) throws {
        let rate = Double(plan.byteCount) / 1e6 / max(seconds, 1e-9)
        if session.options.json {
            session.print(
                try JSONOutput.line(
                    ConversionResult(
                        output: output, format: target.format.name, tensors: plan.tensors.count, files: plan.files.count,
                        bytes: plan.byteCount, seconds: seconds, megabytesPerSecond: rate, adapter: adapter)))
            return
        }
        // A model in parts has no file of the name that was asked for.
        let parts = plan.files.filter { $0.name.hasSuffix(".gguf") }
        let isSplit = target.format.layout == .file && parts.count > 1
        let written = isSplit ? "\(parts[0].name) and \(parts.count - 1) more" : output
        session.print(
            "wrote \(written) as \(target.format.name): \(plan.tensors.count) tensors, \(NumberText.grouped(plan.byteCount)) bytes in "
                + "\(NumberText.decimal(seconds, places: 2)) s, \(NumberText.decimal(rate, places: 0)) MB/s")
        if let adapter {
            session.print(
                "wrote \(adapter.output) as LoRA adapter: \(adapter.layers) layers, largest rank \(adapter.largestRank), "
                    + "\(NumberText.grouped(adapter.bytes)) bytes")
        }
    }
}

/// An adapter beside a base, in `convert --json`.
struct WrittenAdapter: Encodable {
    let output: String
    let layers: Int
    let largestRank: Int
    let bytes: Int
}

/// The keys of `convert --json`.
private struct ConversionResult: Encodable {
    let output: String
    let format: String
    let tensors: Int
    let files: Int
    let bytes: Int
    let seconds: Double
    let megabytesPerSecond: Double
    let adapter: WrittenAdapter?
}
