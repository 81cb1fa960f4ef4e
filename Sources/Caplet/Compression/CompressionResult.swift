import FormatKit
import ModelGraph
import PassKit

/// What a compression did.
public struct CompressionResult: Encodable, Sendable {
    /// Where the result is.
    public let output: String
    /// The passes that ran, as pipeline text.
    public let pipeline: String
    /// Seed of every random choice.
    public let seed: UInt64
    /// Numbers that the model kept before the passes.
    public let parametersBefore: Int
    /// Numbers that it keeps after them.
    public let parametersAfter: Int
    /// Of those before, the ones in linear layers.
    public let linearParametersBefore: Int
    /// Of those after, the ones in linear layers.
    public let linearParametersAfter: Int
    /// Stored tensors in memory, before the container's entropy coding.
    public let tensorBytesBefore: Int
    /// The same of the result.
    public let tensorBytesAfter: Int
    /// Where the result is.
    public let outputBytes: Int
    /// Bits of the output for each parameter of the input.
    public let bitsPerWeight: Double
    /// Time of the passes.
    public let seconds: Double
    /// The most memory that the process has had resident.
    public let peakMemoryBytes: Int
    /// What each pass did, in order.
    public let passes: [PassReport]
    /// What each rank did; nil where there was one.
    public let ranks: [RankReport]?

    init(
        output: String, pipeline: String, seed: UInt64, original: TensorGraph, compressed: TensorGraph, outputBytes: Int,
        seconds: Double, passes: [PassReport], ranks: [RankReport]? = nil
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
        self.ranks = ranks
    }

    /// The summary as a file of JSON, to be committed with the output.
    func prepare(in writer: AtomicFileWriter) throws -> PreparedWrite {
        try writer.write(Array(try JSONOutput.line(self).utf8) + [UInt8(ascii: "\n")])
        return try writer.prepared(WritePlan())
    }
}
