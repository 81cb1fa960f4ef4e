/// The names that `tokenizer.ggml.pre` gives to pre-tokenizers, by what llama.cpp does under each.
extension PreTokenizer {
    /// The pre-tokenizer of a `tokenizer.ggml.pre` value, or nil where it is not known here.
    public init?(ggufName: String) {
        guard let known = PreTokenizer.named.first(where: { $0.names.contains(ggufName) }) else { return nil }
        self = known.preTokenizer
    }

    /// The value of `tokenizer.ggml.pre`; nil where llama.cpp has no name for these steps.
    public var ggufName: String? { PreTokenizer.named.first { $0.spellings.contains(spelled) }?.names.first }

    /// The same with line ends in patterns by their escapes, as the names' patterns are spelled.
    private var spelled: PreTokenizer {
        PreTokenizer(
            steps: steps.map { step in
                guard case .split(let pattern, let behavior, let inverts) = step, !pattern.isLiteral else { return step }
                let source = pattern.source.unicodeScalars.map { $0 == "\r" ? #"\r"# : $0 == "\n" ? #"\n"# : String($0) }.joined()
                return (try? Pattern(source)).map { .split($0, behavior, inverts: inverts) } ?? step
            })
    }

    /// Whether llama.cpp, under this name, takes a word that is a piece without merging.
    public static func ignoresMerges(ggufName: String) -> Bool { llama3Like.contains(ggufName) }

    /// Whether llama.cpp, under this name, puts BOS before text where the file does not say.
    public static func addsBOS(ggufName: String) -> Bool { llama3Like.contains(ggufName) }

    private static let llama3Like: Set<String> = [
        "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "tekken",
    ]

    private struct Named: Sendable {
        /// The first one is written.
        let names: [String]
        /// The first one is read; others cut in the same way.
        let spellings: [PreTokenizer]
        var preTokenizer: PreTokenizer { spellings[0] }

        init?(_ names: [String], _ spellings: [SplitStep]?...) {
            let known = spellings.compactMap { $0.map(PreTokenizer.init(steps:)) }
            guard known.count == spellings.count, !known.isEmpty else { return nil }
            (self.names, self.spellings) = (names, known)
        }
    }

    private static let bytes = SplitStep.byteLevel(addsPrefixSpace: false, usesPattern: false)

    private static let named: [Named] = [
        Named(
            [
                "gpt-2", "gpt2", "phi-2", "mpt", "olmo", "jais", "trillion", "granite-docling", "exaone4", "gigachat", "mellum", "a.x-4.0",
                "roberta-bpe", "jina-v2-code", "modern-bert",
            ],
            gpt2.steps),
        Named(
            [
                "llama-bpe", "llama3", "llama-v3", "dbrx", "smaug-bpe", "chatglm-bpe", "glm4", "falcon3", "falcon-h1", "pixtral",
                "midm-2.0", "lfm2",
            ], llama3.steps),
        Named(
            ["qwen2", "deepseek-r1-qwen", "stablelm2", "megrez", "hunyuan", "solar-open", "grok-2", "kormo", "f2llmv2"], qwen2.steps),
        Named(
            ["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"], smollm.steps,
            isolating(#"\p{N}"#, gpt2Pattern)),
        Named(["qwen35"], isolating(SplitPatterns.qwen35)),
        Named(["tekken"], isolating(SplitPatterns.tekken)),
        Named(["gpt-4o", "llama4", "kanana2", "minimax-m2", "talkie"], isolating(SplitPatterns.gpt4o)),
        Named(["deepseek-v3", "hunyuan-dense", "joyai-llm"], isolating(#"\p{N}{1,3}"#, SplitPatterns.ideographs, SplitPatterns.deepSeek3)),
        Named(["deepseek-coder"], digitsApart(SplitPatterns.deepSeekCoder)),
        Named(["deepseek-llm"], digitsApart(SplitPatterns.deepSeekLLM)),
        Named(["falcon"], falcon),
        Named(["exaone-moe"], isolating(SplitPatterns.exaoneMixture)),
        Named(["jais-2"], isolating(SplitPatterns.jais2)),
        Named(["bloom", "poro-chat", "gpt3-finnish"], isolating(SplitPatterns.bloom)),
        Named(["viking"], isolating(SplitPatterns.bloom, #"\p{N}"#), digitsApart([SplitPatterns.bloom])),
        Named(["superbpe"], isolating(#"\p{N}+"#, SplitPatterns.threes)),
        Named(["seed-coder"], isolating(SplitPatterns.seedCoder)),
        Named(["bailingmoe", "bailingmoe2", "llada-moe"], isolating(SplitPatterns.bailing)),
    ].compactMap { $0 }

    private static func digitsApart(_ patterns: [String]) -> [SplitStep]? {
        let splits = patterns.compactMap { try? Pattern($0) }.map { SplitStep.split($0, .isolated, inverts: false) }
        return splits.count == patterns.count ? splits + [.digits(individually: true), bytes] : nil
    }

    private static let falcon: [SplitStep]? = (try? Pattern("[0-9][0-9][0-9]")).map {
        [
            .punctuation(.contiguous), .byteLevel(addsPrefixSpace: false, usesPattern: true), .digits(individually: false),
            .split($0, .isolated, inverts: false),
        ]
    }

    /// Falcon's without its groups of three digits.
    static let punctuationThenDigits = PreTokenizer(
        steps: [.punctuation(.contiguous), .byteLevel(addsPrefixSpace: false, usesPattern: true), .digits(individually: true)])
}
