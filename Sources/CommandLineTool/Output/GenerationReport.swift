import Caplet
import Dispatch

/// When a model was opened, its first token came and its last one.
final class GenerationClock {
    private(set) var secondsToOpen = 0.0
    private let start = DispatchTime.now().uptimeNanoseconds
    private var openedAt: UInt64
    private var firstAt: (time: UInt64, tokens: Int)?
    private var endedAt: (time: UInt64, tokens: Int)?

    init() { openedAt = start }

    func opened() {
        openedAt = DispatchTime.now().uptimeNanoseconds
        secondsToOpen = Double(openedAt - start) / 1e9
    }

    /// Another answer of the model begins.
    func asked() { (openedAt, firstAt, endedAt) = (DispatchTime.now().uptimeNanoseconds, nil, nil) }

    /// Text came, with so many tokens written.
    func wrote(_ tokens: Int) { if firstAt == nil { firstAt = (DispatchTime.now().uptimeNanoseconds, tokens) } }

    func ended(_ tokens: Int) { endedAt = (DispatchTime.now().uptimeNanoseconds, tokens) }

    /// From the model's being open, or the question, to the first text: prompt, and the tokens that the text took.
    func promptSeconds() -> Double? { firstAt.map { Double($0.time - openedAt) / 1e9 } }

    /// Tokens a second after the first text; nil for an answer of one token.
    func tokensPerSecond() -> Double? {
        guard let firstAt, let endedAt, endedAt.tokens > firstAt.tokens, endedAt.time > firstAt.time else { return nil }
        return Double(endedAt.tokens - firstAt.tokens) / (Double(endedAt.time - firstAt.time) / 1e9)
    }
}

/// What `run` and `chat` tell of an answer, by the keys of `run --json`.
struct GenerationReport: Encodable {
    let text: String
    let tokens: [Int32]
    let promptTokens: Int
    /// Those that a conversation's cache had; nil where there is no conversation.
    let reusedTokens: Int?
    /// "end-of-sequence", "max-tokens", "context", "stop" or "interrupted".
    let stopped: String
    let endToken: Int32?
    let secondsToOpen: Double
    let promptTokensPerSecond: Double?
    let tokensPerSecond: Double?
    let weightBytes: Int
    let cacheBytes: Int
    let peakMemoryBytes: Int

    init(_ answer: Generation, text: String, _ model: LanguageModel, _ clock: GenerationClock, isInterrupted: Bool, isTurn: Bool = false) {
        self.text = text
        tokens = answer.tokens
        promptTokens = answer.promptTokens.count
        reusedTokens = isTurn ? answer.reusedTokenCount : nil
        stopped = isInterrupted ? "interrupted" : answer.end?.rawValue ?? "interrupted"
        endToken = answer.endToken
        secondsToOpen = clock.secondsToOpen
        promptTokensPerSecond = clock.promptSeconds().map { Double(answer.promptTokens.count - answer.reusedTokenCount) / max($0, 1e-9) }
        tokensPerSecond = clock.tokensPerSecond()
        weightBytes = model.weightByteCount
        cacheBytes = answer.cacheByteCount
        peakMemoryBytes = PeakMemory.bytes
    }

    /// One line for a person.
    var line: String {
        func rate(_ value: Double?) -> String { value.map { NumberText.decimal($0, places: 1) } ?? "-" }
        return "prompt \(promptTokens) tokens at \(rate(promptTokensPerSecond)) tokens/s, answer \(tokens.count) tokens at "
            + "\(rate(tokensPerSecond)) tokens/s (\(stopped)), opened in \(NumberText.decimal(secondsToOpen, places: 3)) s, "
            + "peak memory \(NumberText.grouped(peakMemoryBytes)) bytes"
    }
}
