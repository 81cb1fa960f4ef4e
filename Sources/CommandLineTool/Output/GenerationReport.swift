import Caplet
import Dispatch

/// When a model was opened, its first token came and its last one.
final class GenerationClock {
    private let start = DispatchTime.now().uptimeNanoseconds
    private var openedAt: UInt64
    private var firstAt: (time: UInt64, tokens: Int)?
    private var endedAt: (time: UInt64, tokens: Int)?

    init() { openedAt = start }

    func opened() { openedAt = DispatchTime.now().uptimeNanoseconds }

    /// Text came, with so many tokens written.
    func wrote(_ tokens: Int) { if firstAt == nil { firstAt = (DispatchTime.now().uptimeNanoseconds, tokens) } }

    func ended(_ tokens: Int) { endedAt = (DispatchTime.now().uptimeNanoseconds, tokens) }

    var secondsToOpen: Double { Double(openedAt - start) / 1e9 }

    /// From the model's being open to the first text: prompt, and the tokens that the text took.
    func promptSeconds() -> Double? { firstAt.map { Double($0.time - openedAt) / 1e9 } }

    /// Tokens a second after the first text; nil for an answer of one token.
    func tokensPerSecond() -> Double? {
        guard let firstAt, let endedAt, endedAt.tokens > firstAt.tokens, endedAt.time > firstAt.time else { return nil }
        return Double(endedAt.tokens - firstAt.tokens) / (Double(endedAt.time - firstAt.time) / 1e9)
    }
}

/// What `run` tells of an answer, by the keys of `run --json`.
struct GenerationReport: Encodable {
    let text: String
    let tokens: [Int32]
    let prompt_tokens: Int
    /// "end-of-sequence", "max-tokens", "context" or "interrupted".
    let stopped: String
    let end_token: Int32?
    let seconds_to_open: Double
    let prompt_tokens_per_second: Double?
    let tokens_per_second: Double?
    let weight_bytes: Int
    let cache_bytes: Int
    let peak_memory_bytes: Int

    init(_ answer: Generation, text: String, _ model: LanguageModel, _ clock: GenerationClock, isInterrupted: Bool) {
        self.text = text
        tokens = answer.tokens
        prompt_tokens = answer.promptTokens.count
        stopped = isInterrupted ? "interrupted" : answer.end?.rawValue ?? "interrupted"
        end_token = answer.endToken
        seconds_to_open = clock.secondsToOpen
        prompt_tokens_per_second = clock.promptSeconds().map { Double(answer.promptTokens.count) / max($0, 1e-9) }
        tokens_per_second = clock.tokensPerSecond()
        weight_bytes = model.weightByteCount
        cache_bytes = answer.cacheByteCount
        peak_memory_bytes = PeakMemory.bytes
    }

    /// One line for a person.
    var line: String {
        func rate(_ value: Double?) -> String { value.map { NumberText.decimal($0, places: 1) } ?? "-" }
        return "prompt \(prompt_tokens) tokens at \(rate(prompt_tokens_per_second)) tokens/s, answer \(tokens.count) tokens at "
            + "\(rate(tokens_per_second)) tokens/s (\(stopped)), opened in \(NumberText.decimal(seconds_to_open, places: 3)) s, "
            + "peak memory \(NumberText.grouped(peak_memory_bytes)) bytes"
    }
}
