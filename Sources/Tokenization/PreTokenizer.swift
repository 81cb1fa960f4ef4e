/// How byte-level BPE cuts text into words before merging inside each.
public enum PreTokenizer: String, Sendable, CaseIterable {
    /// Contractions, letters, digits and other marks, each with a space before it.
    case gpt2
    /// As cl100k: contractions in any case, digits by threes, a mark may lead letters, line ends together.
    case llama3
    /// As `llama3`, with digits one by one.
    case qwen2
    /// Digits one by one, then as `gpt2` between them.
    case smollm

    /// The pre-tokenizer of a `tokenizer.ggml.pre` value, or nil where it is not known here.
    public init?(ggufName: String) {
        switch ggufName {
        case "gpt-2", "gpt2": self = .gpt2
        case "llama-bpe", "llama3", "llama-v3": self = .llama3
        case "qwen2", "deepseek-r1-qwen": self = .qwen2
        case "smollm": self = .smollm
        default: return nil
        }
    }

    /// The value of `tokenizer.ggml.pre`.
    public var ggufName: String {
        switch self {
        case .gpt2: "gpt-2"
        case .llama3: "llama-bpe"
        case .qwen2: "qwen2"
        case .smollm: "smollm"
        }
    }

    /// The pattern of the `Split` pre-tokenizer in `tokenizer.json`; nil where there is none.
    var splitPattern: String? {
        switch self {
        case .gpt2, .smollm: nil
        case .llama3: PreTokenizer.modernPattern(digits: #"\p{N}{1,3}"#)
        case .qwen2: PreTokenizer.modernPattern(digits: #"\p{N}"#)
        }
    }

    /// The pattern that `ByteLevel` applies by itself.
    static let gpt2Pattern = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

    private static func modernPattern(digits: String) -> String {
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + digits
            + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    }

    /// The pre-tokenizer whose `Split` has this pattern.
    init?(splitPattern: String) {
        if splitPattern == PreTokenizer.gpt2Pattern { self = .gpt2; return }
        guard let match = PreTokenizer.allCases.first(where: { $0.splitPattern == splitPattern }) else { return nil }
        self = match
    }
}
