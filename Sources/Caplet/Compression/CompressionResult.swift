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
    /// Bytes of the model's file, or of the files in its folder.
    public let inputBytes: Int
    /// Bytes of the result.
    public let outputBytes: Int
    /// Bits of the input for each of its parameters.
    public let bitsPerWeightBefore: Double
    /// Bits of the output for each parameter of the input.
    public let bitsPerWeight: Double
    /// The result beside its original, on text; nil where there is none, or it was not to be measured.
    public let cost: MeasuredCost?
    /// Time of the passes.
    public let seconds: Double
    /// The most memory that the process has had resident.
    public let peakMemoryBytes: Int
    /// What each pass did, in order.
    public let passes: [PassReport]
    /// What each rank did; nil where there was one.
    public let ranks: [RankReport]?
    /// What makes it again, of the same model.
    public let recipe: CompressionRecipe

    init(
        output: String, pipeline: String, seed: UInt64, original: TensorGraph, compressed: TensorGraph, inputBytes: Int, outputBytes: Int,
        seconds: Double, cost: MeasuredCost?, passes: [PassReport], ranks: [RankReport]?, recipe: CompressionRecipe
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
        (self.inputBytes, self.outputBytes) = (inputBytes, outputBytes)
        // A weight is one of the original model's: kept or not.
        let weights = original.tensors.reduce(0) { $0 + $1.shape.elementCount }
        bitsPerWeightBefore = weights == 0 ? 0 : Double(inputBytes) * 8 / Double(weights)
        bitsPerWeight = original.parameterCount == 0 ? 0 : Double(outputBytes) * 8 / Double(original.parameterCount)
        self.cost = cost
        self.seconds = seconds
        peakMemoryBytes = PeakMemory.bytes
        self.passes = passes
        self.ranks = ranks
        self.recipe = recipe
    }

    /// The summary as a file to be committed with the output: a page where its name ends in .html, otherwise JSON.
    ///
    /// - Parameter graph: the compressed model.
    func prepare(in writer: AtomicFileWriter, at path: String, model: String, of graph: TensorGraph) throws -> PreparedWrite {
        let isPage = [".html", ".htm"].contains { path.lowercased().hasSuffix($0) }
        let text = isPage ? CompressionPage(self, model: model, of: graph).text : try JSONOutput.line(self) + "\n"
        try writer.write(Array(text.utf8))
        return try writer.prepared(WritePlan())
    }
}
