import FormatKit

extension ConversionResult {
    /// What was written as one line of JSON: what `convert --json` prints, and the C interface gives back.
    package func line(output: String) throws -> String {
        try JSONOutput.line(
            ConversionDocument(
                output: output, format: format, tensors: plan.tensors.count, files: plan.files.count, bytes: plan.byteCount,
                seconds: seconds,
                megabytesPerSecond: megabytesPerSecond, adapter: adapter, vision: vision))
    }

    package var megabytesPerSecond: Double { Double(plan.byteCount) / 1e6 / max(seconds, 1e-9) }
}

/// The keys of what a conversion wrote.
struct ConversionDocument: Encodable {
    let output: String
    let format: String
    let tensors: Int
    let files: Int
    let bytes: Int
    let seconds: Double
    let megabytesPerSecond: Double
    let adapter: WrittenAdapter?
    let vision: WrittenVision?
}
