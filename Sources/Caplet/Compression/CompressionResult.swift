import FormatKit
import ModelGraph
import PassKit

/// What a compression did.
public struct CompressionResult: Encodable, Sendable {
    public let output: String
    public let pipeline: String
    public let seed: UInt64
    public let parametersBefore: Int
    public let parametersAfter: Int
    public let linearParametersBefore: Int
    public let linearParametersAfter: Int
    /// Stored tensors in memory, before the container's entropy coding.
    public let tensorBytesBefore: Int
    public let tensorBytesAfter: Int
    public let outputBytes: Int
    public let bitsPerWeight: Double
    public let seconds: Double
    public let peakMemoryBytes: Int
    public let passes: [PassReport]

    init(
        output: String, pipeline: String, seed: UInt64, original: TensorGraph, compressed: TensorGraph, outputBytes: Int,
        seconds: Double, passes: [PassReport]
    ) {
        self.output = output
        self.pipeline = pipeline
        self.seed = seed
        parametersBefore = original.parameterCount
        parametersAfter = compressed.parameterCount
        linearParametersBefore = original.linearParameterCount
        linearParametersAfter = compressed.linearParameterCount
        tensorBytesBefore = original.byteCount
        tensorBytesAfter = compressed.byteCount
        self.outputBytes = outputBytes
        // A weight is one of the original model's: kept or not.
        bitsPerWeight = original.parameterCount == 0 ? 0 : Double(outputBytes) * 8 / Double(original.parameterCount)
        self.seconds = seconds
        peakMemoryBytes = PeakMemory.bytes
        self.passes = passes
    }

    /// The summary as a file of JSON, to be committed with the output.
    func prepare(in writer: AtomicFileWriter) throws -> PreparedWrite {
        try writer.write(Array(try JSONOutput.line(self).utf8) + [UInt8(ascii: "\n")])
        return try writer.prepared(WritePlan())
    }
}
