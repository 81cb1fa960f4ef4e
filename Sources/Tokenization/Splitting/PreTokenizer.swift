/// How byte-level BPE cuts text into words before merging inside each: steps, one of which is `byteLevel`.
public struct PreTokenizer: Sendable, Equatable {
    public let steps: [SplitStep]

    /// The kinds that have a scanner of their own.
    enum Scanner: Sendable {
        case gpt2, llama3, qwen2, smollm
    }

    let scanner: Scanner?

    init(steps: [SplitStep]) {
        self.steps = steps
        scanner = PreTokenizer.scanned.first { $0.steps == steps }?.scanner
    }

    private init(_ steps: [SplitStep], _ scanner: Scanner) {
        self.steps = steps
        self.scanner = scanner
    }

    /// Contractions, letters, digits and other marks, each with a space before it.
    public static let gpt2 = PreTokenizer([.byteLevel(addsPrefixSpace: false, usesPattern: true)], .gpt2)
    /// As cl100k: contractions in any case, digits by threes, a mark may lead letters, line ends together.
    public static let llama3 = PreTokenizer(modernSteps(digits: #"\p{N}{1,3}"#), .llama3)
    /// As `llama3`, with digits one by one.
    public static let qwen2 = PreTokenizer(modernSteps(digits: #"\p{N}"#), .qwen2)
    /// Digits one by one, then as `gpt2` between them.
    public static let smollm = PreTokenizer([.digits(individually: true)] + gpt2.steps, .smollm)

    private static let scanned = [gpt2, llama3, qwen2, smollm]

    /// The pattern that `ByteLevel` applies by itself.
    static let gpt2Pattern = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

    static func modernPattern(digits: String) -> String {
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + digits
            + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    }

    private static func modernSteps(digits: String) -> [SplitStep] { PreTokenizer.isolating(modernPattern(digits: digits)) ?? gpt2.steps }

    /// Splits at the matches of patterns, then bytes; nil where a pattern is outside the subset.
    static func isolating(_ patterns: String...) -> [SplitStep]? {
        let splits = patterns.compactMap { try? Pattern($0) }.map { SplitStep.split($0, .isolated, inverts: false) }
        return splits.count == patterns.count ? splits + [.byteLevel(addsPrefixSpace: false, usesPattern: false)] : nil
    }

    /// Cuts text into words: the UTF-8 bytes of each, in order.
    func forEachWord(of scalars: [Unicode.Scalar], _ body: ([UInt8]) -> Void) {
        var word: [UInt8] = []
        if let scanner {
            var first = 0
            for end in PreTokenizer.wordEnds(scalars[...], scanner) {
                word.removeAll(keepingCapacity: true)
                for scalar in scalars[first..<end] { word.append(contentsOf: UTF8.encode(scalar) ?? .init()) }
                first = end
                body(word)
            }
            return
        }
        var text = SplitText(scalars)
        for (index, step) in steps.enumerated() {
            if index == steps.count - 1, case .byteLevel(false, false) = step { break }
            text.apply(step)
        }
        for piece in text.pieces {
            word.removeAll(keepingCapacity: true)
            for scalar in text.scalars[piece] {
                if text.spellsBytes {
                    word.append(ByteLevelAlphabet.byte(of: scalar) ?? 0)
                } else {
                    word.append(contentsOf: UTF8.encode(scalar) ?? .init())
                }
            }
            body(word)
        }
    }
}
