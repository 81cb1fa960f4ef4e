import Architectures
import ChatTemplates
import FormatKit
import ModelGraph
import PassKit
import StrictJSON
import Tokenization

@testable import CapletFormat

extension FuzzTarget {
    static func isTypedElsewhere(_ error: any Error) -> Bool {
        error is ConfigurationError || error is ChatTemplateError || error is CodingFailure || error is ZstdFrame.Failure
    }

    /// Parsers of text.
    static let textTargets: [(name: String, body: Body)] = [
        (
            "json",
            { bytes in
                let text = try JSONValue(strict: bytes, allowsByteOrderMark: true).serialized()
                let again = try JSONValue(strict: text).serialized()
                guard text == again else { fatalError("JSON that is written does not read back") }
            }
        ),
        ("graph-document", { _ = try GraphDocument(parsing: $0, path: "caplet.json", object: "document").text }),
        ("shard-index", { _ = try ShardIndex(parsing: $0, path: "index.json", ending: ".safetensors") }),
        ("config-json", { _ = try ModelConfiguration(configJSON: Array($0), path: "config.json") }),
        ("tokenizer-json", { try useTokenizer(Vocabulary(tokenizerJSON: Array($0))) }),
        ("tokenizer-model", { try useTokenizer(Vocabulary(sentencePieceModel: Array($0))) }),
        ("wordpiece-json", { useWordPiece(try WordPieceTokenizer(tokenizerJSON: Array($0))) }),
        ("wordpiece-text", { useWordPiece(try WordPieceTokenizer(vocabularyText: Array($0), configuration: nil)) }),
        ("unigram-json", { useUnigram(try UnigramTokenizer(tokenizerJSON: Array($0))) }),
        ("unigram-model", { useUnigram(try UnigramTokenizer(sentencePieceModel: Array($0), around: ("<s>", "</s>"))) }),
        (
            "chat-template",
            { bytes in
                var limits = ChatTemplateLimits()
                limits.steps = 20_000
                _ = try ChatTemplate(String(decoding: bytes, as: UTF8.self), limits: limits).render(
                    messages: [["role": "user", "content": "Hi"]], addGenerationPrompt: true, variables: ["bos_token": "<s>"])
            }
        ),
        (
            "pipeline",
            { bytes in
                let pipeline = try Pipeline(parsing: String(decoding: bytes, as: UTF8.self))
                let text = pipeline.description
                guard try Pipeline(parsing: text).description == text else { fatalError("a pipeline that is printed does not read back") }
            }
        ),
    ]

    private static func useUnigram(_ tokenizer: UnigramTokenizer) { _ = tokenizer.encode("Hello,  wörld\n[SEP] 12 日本 ﬁ") }

    private static func useWordPiece(_ tokenizer: WordPieceTokenizer) { _ = tokenizer.encode("Hello,  wörld\n[SEP] 12 日本") }

    /// A vocabulary that was accepted must encode and decode.
    private static func useTokenizer(_ vocabulary: Vocabulary) throws {
        let tokenizer = try Tokenizer(vocabulary)
        let ids = tokenizer.encode("Hello  wörld\n<s> 12 ▁a", addSpecial: true, parseSpecial: true)
        _ = tokenizer.decode(ids)
    }
}
