import Architectures
import FormatKit
import ModelGraph
import QuantizedCheckpoints
import Tokenization

/// A checkpoint whose architecture is known as far as it can be: tensors with their roles, hyperparameters, tokenizer, what made it.
///
/// Made once, when a checkpoint is opened; passes change the graph, and all else stays.
public struct Model: Sendable {
    /// Tensors with roles, ties, blocks and input groups by the architecture, as far as it is known.
    public let graph: TensorGraph
    /// Nil when the architecture is not known.
    public let configuration: ModelConfiguration?
    /// What is wrong with a config.json of a known family, of a model that was opened all the same; nil for all others.
    package let brokenConfiguration: ConfigurationError?
    /// What made the model, in order: pipeline, seed, digests. Empty for a model that says nothing of it.
    public let provenance: [(key: String, value: String)]
    /// The schemes that weights are quantised by as other tools do it, so that they are codes and not numbers; empty for all other models.
    public let quantization: [String]
    private let tokenizers: ModelTokenizers

    /// Resolves what a reader made.
    ///
    /// - Parameter provenance: what the format says of it; that of the graph otherwise.
    /// - Throws: `ConfigurationError` and `FormatError` for hyperparameters that are there and broken; `GraphError` for weights that their
    ///   architecture does not allow.
    public init(_ graph: TensorGraph, provenance: [(key: String, value: String)]? = nil) throws {
        try self.init(graph, provenance: provenance, needsFamily: true)
    }

    /// The same; without `needsFamily` hyperparameters that are broken leave a model of no known architecture, which says so.
    package init(_ graph: TensorGraph, provenance: [(key: String, value: String)]?, needsFamily: Bool) throws {
        var graph = graph
        var configuration: ModelConfiguration?
        var broken: ConfigurationError?
        do {
            configuration = try ModelConfiguration(of: graph)
        } catch let error as ConfigurationError where !needsFamily {
            broken = error
        }
        if let configuration { try graph.apply(configuration) }
        brokenConfiguration = broken
        self.provenance = provenance ?? graph.provenance
        tokenizers = ModelTokenizers(graph)
        quantization = graph.quantizationSchemes
        self.graph = graph
        self.configuration = configuration
    }

    private init(
        _ graph: TensorGraph, _ configuration: ModelConfiguration?, _ provenance: [(key: String, value: String)],
        _ quantization: [String], _ tokenizers: ModelTokenizers
    ) {
        self.graph = graph
        (self.configuration, self.provenance, self.quantization, self.tokenizers) = (configuration, provenance, quantization, tokenizers)
        brokenConfiguration = nil
    }

    /// The same model with other tensors, such as passes make of them.
    public func with(_ graph: TensorGraph) -> Model { Model(graph, configuration, provenance, quantization, tokenizers) }

    /// The same model without the files that travel with it and what is made of them.
    package func withoutFiles() -> Model {
        var bare = graph
        bare.attachments = []
        bare.metadata = Metadata()
        return Model(bare, configuration, provenance, quantization, ModelTokenizers(bare))
    }

    /// Whether the model is a known encoder: one that embeds sentences.
    public var isEncoder: Bool { configuration?.design.isCausal == false }

    /// The tokenizer that travels with a decoder: tokenizer.json if it is there, as transformers takes it, otherwise tokenizer.model, otherwise
    /// GPT-2's vocab.json and merges.txt. Made at the first call.
    ///
    /// tokenizer.model is taken too where tokenizer.json is of a kind that is not known here.
    /// - Returns: nil when the model has none of them.
    /// - Throws: `TokenizationError` when the file is malformed or of a kind that is not supported.
    public func tokenizer() throws -> Tokenizer? { try tokenizers.decoders.get().tokenizer }

    /// The tokenizer that travels with an encoder: tokenizer.json, otherwise DeBERTa's spm.model or BERT's vocab.txt. Made at the first call.
    ///
    /// - Returns: nil when the model has none of them.
    /// - Throws: `TokenizationError` when the file is malformed or of a kind that is not supported.
    public func sentenceTokenizer() throws -> (any SentenceTokenizer)? { try tokenizers.encoders.get() }

    /// What a user is told before text is cut: that tokenizer.json and tokenizer.model differ, or that the former is of a kind that is not known and
    /// the latter taken; nil where there is nothing to say.
    ///
    /// - Throws: as `tokenizer`.
    public func tokenizerWarning() throws -> String? { isEncoder ? nil : try tokenizers.decoders.get().warning }

    /// What makes text of conversations; nil for a model without a chat template. Made at the first call.
    ///
    /// - Throws: `ChatTemplateError` for a template that cannot be rendered; as `tokenizer`.
    public func chat() throws -> ModelChat? { try tokenizers.chat.get() }

    /// The tokens that end an answer: `eos_token_id` of generation_config.json, otherwise of config.json, one or several; the tokenizer's own
    /// where neither says any.
    ///
    /// - Throws: `FormatError` for JSON that is none; as `tokenizer`.
    public func endTokens() throws -> Set<Int32> { try tokenizers.ends.get() }
}
