import Architectures
import PassKit
import TextInput

/// Runs a pipeline of passes over a model and writes the result.
///
/// What a long run finishes is kept in a folder beside the output until the output is there: an equal request that follows an interrupted
/// one goes on from it, and comes to the same bytes.
public struct CompressionRequest: Request {
    /// What a compression is to reach, or the passes that are to run.
    public enum Aim: Sendable, Equatable {
        /// This share of the linear layers' parameters is kept, above 0 and at most 1.
        case keep(Double)
        /// The file has at most so many bytes, within 0.5 %: everything is quantised to as many bits as fit.
        case size(Int)
        /// The same, as bits of the whole file for each parameter of the model.
        case bitsPerWeight(Double)
        /// The smallest file whose mean loss is at most so much above the original's, in nats a token, on what the calibration text has
        /// beside the sequences calibrated on; of an encoder, the mean of 1 − cosine of its embeddings to the original's.
        case lossIncrease(Double)
        /// Nothing is changed: the model is packed as it is, bit for bit.
        case lossless
        /// These passes.
        case pipeline(Pipeline)
        /// The passes that a file has the text of.
        case pipelineFile(String)
    }

    /// The model: a file or a folder of any format.
    public var model: String
    /// Where to write the result.
    public var output: String
    /// What the compression is to reach; nil for the smallest file that loses next to nothing (`DefaultPipeline.usualLossIncrease`), in formats that
    /// have codes of few bits.
    public var aim: Aim?
    /// Types of ggml's that some matrices of a GGUF file have, of a size, bits or a loss; prices choose those of the others. Of two that match a name
    /// the later counts.
    public var tensorTypes: [TensorType] = []
    /// What passes calibrate on; nil for text that comes with the program, which is used where they need any.
    public var calibration: CalibrationText?
    /// What the result is measured on beside its original; nil for the part of the calibration text that no pass is given.
    public var measuredText: TextSource?
    /// Tokens in a window of that text; nil for the context of the calibration's, or else the model's, at most 2048.
    public var measuredContext: Int?
    /// Whether what the compression cost is measured, where there is text to do so.
    public var measuresCost = true
    /// Seed of every random choice.
    public var seed: UInt64 = 0
    /// The model that `model` was made from, which passes run on the calibration text and measure errors against; nil for `model` itself.
    public var original: String?
    /// The model's format; nil to look at it.
    public var format: String?
    /// The format to write; nil for what the output's name says.
    public var outputFormat: String?
    /// Whether a GGUF file holds copies of the files of the model's folder, beside what its own keys say of them.
    public var embedsFiles = false
    /// Where the passes' reports go: as a page where the name ends in .html, otherwise as JSON; nil for nowhere.
    public var reportPath: String?
    /// Whether what is at the output is replaced.
    public var replacesOutput = false

    /// A request with what has no default.
    public init(model: String, output: String) {
        self.model = model
        self.output = output
    }

    /// Called by a workspace.
    public func perform(in context: RequestContext) throws -> CompressionResult { try Compression(self, context).run(context) }
}

/// Text to calibrate on.
public struct CalibrationText: Sendable, Equatable {
    /// Where the sequences come from.
    public enum Source: Sendable, Equatable {
        /// UTF-8 text, and conversations by the model's chat template.
        case text(TextSource)
        /// A .npy file of token ids, [rows, length] or [length]; each row is a sequence.
        case tokens(String)
        /// Speeches in the public domain that come with the program: English, and of one kind.
        case builtIn
    }

    /// Where the sequences come from.
    public var source: Source
    /// Token sequences to take from the text, at even distances.
    public var sequences: Int
    /// Tokens in a sequence; nil for the model's context, at most 2048.
    public var context: Int?

    /// Sequences that are taken where nothing is said.
    public static let usualSequences = 64

    /// Of which 64 sequences are taken where nothing is said.
    public init(_ source: Source, sequences: Int = usualSequences, context: Int? = nil) {
        (self.source, self.sequences, self.context) = (source, sequences, context)
    }

    /// A text file, of which 64 sequences are taken where nothing is said.
    public init(path: String, sequences: Int = usualSequences, context: Int? = nil) {
        self.init(.text(TextSource(path)), sequences: sequences, context: context)
    }

    /// Tokens in a sequence of the text that comes with the program, at most: it is short.
    private static let builtInContext = 512

    /// The same with the context that the text that comes with the program has where none is said.
    func fitted(to configuration: ModelConfiguration?) -> CalibrationText {
        guard source == .builtIn, context == nil, let configuration else { return self }
        return CalibrationText(.builtIn, sequences: sequences, context: min(configuration.contextLength, CalibrationText.builtInContext))
    }

    var paths: [String] {
        switch source {
        case .text(let text): return text.filePaths
        case .tokens(let path): return [path]
        case .builtIn: return []
        }
    }

    /// - Throws: `RequestError` for counts that no text has.
    func check() throws {
        try CountRange.check("the number of calibration sequences", sequences, from: 1)
        try CountRange.check("the context of calibration sequences", context, from: 2)
        if case .tokens = source, context != nil { throw RequestError(.usage, "rows of token ids have their own length, and no context") }
    }
}

/// What a compression would do and take, without doing it.
public struct CompressionPlanRequest: Request {
    /// The compression that is planned.
    public var compression: CompressionRequest

    /// A plan of this request.
    public init(_ compression: CompressionRequest) { self.compression = compression }

    /// Called by a workspace.
    public func perform(in context: RequestContext) throws -> CompressionPlan { try Compression(compression, context).plan(context) }
}

/// What a compression would do and take.
public struct CompressionPlan: Encodable, Sendable {
    /// The passes, as pipeline text.
    public let pipeline: String
    /// Numbers that the model keeps now.
    public let parameters: Int
    /// Those of linear layers.
    public let linearParameters: Int
    /// The name of the format.
    public let format: String
    /// The most bytes that the output takes, before it is compressed.
    public let bytes: Int
    /// The most bytes that the output may take, where that is the aim.
    public let size: Int?
    /// Time and memory, as far as the passes can say.
    public let cost: CostEstimate
}
