import ArgumentParser
import Caplet

/// How answers are chosen and how long they may be: options of `run` and `chat`.
struct SamplingOptions: ParsableArguments {
    @Option(name: [.customShort("n"), .long], help: "Most tokens to write.")
    var maxTokens = 256

    @Option(help: "0 takes the likeliest token each time; the higher, the more are likely.")
    var temperature = 0.8

    @Option(help: "Draw from so many likeliest tokens; 0 is all.")
    var topK = 0

    @Option(help: "Draw from the fewest likeliest tokens that have this probability together; 1 is all.")
    var topP = 0.95

    @Option(help: "Draw from tokens that have this share of the likeliest one's probability before the temperature; 0 is all.")
    var minP = 0.0

    @Option(help: "Divide positive logits of the last 64 tokens by this, and multiply negative ones; 1 leaves them.")
    var repetitionPenalty = 1.0

    @Option(help: ArgumentHelp("End before this text, which is not printed; may be repeated.", valueName: "text"))
    var stop: [String] = []

    @Option(help: "Seed of the draws.")
    var seed: UInt64 = 0

    @Option(help: "Tokens of prompt and answer together; the default is what the model was made for.")
    var context: Int?

    /// The same as the library's options.
    var options: GenerationOptions {
        GenerationOptions(
            maxTokens: maxTokens, temperature: temperature, topP: topP, seed: seed, context: context, topK: topK, minP: minP,
            repetitionPenalty: repetitionPenalty, stops: stop)
    }

    func validate() throws {
        do { try options.check() } catch { throw ValidationError("\(error)") }
        try CountOption.check("--max-tokens", maxTokens, from: 0)
        try CountOption.check("--context", context, from: 1)
    }
}
