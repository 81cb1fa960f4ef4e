import Caplet

/// Compresses a model, converts and measures the result, and lets it write: `LibraryExample MODEL CALIBRATION HELD-OUT FOLDER`.
@main
struct LibraryExample {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 5 else { return print("LibraryExample MODEL CALIBRATION HELD-OUT FOLDER") }
        let (source, calibration, heldOut) = (arguments[1], arguments[2], arguments[3])
        let (small, gguf) = ("\(arguments[4])/small.caplet", "\(arguments[4])/small.gguf")
        let caplet = try Workspace()

        var compression = CompressionRequest(model: source, output: small)
        compression.aim = .bitsPerWeight(4)
        compression.calibration = CalibrationText(path: calibration, sequences: 8)
        let job = caplet.start(compression)
        for await event in job.events {
            if case .began(let stage, let total, let unit) = event { print("\(stage): \(total) \(unit)") }
        }
        let report = try await job.output
        print("compressed to \(report.outputBytes) bytes, \(report.bitsPerWeight) bits a weight")

        var conversion = ConversionRequest(model: small, output: gguf)
        conversion.storage = .q8_0
        print("converted to \(try await caplet.run(conversion).plan.byteCount) bytes of GGUF")

        for model in [source, small, gguf] {
            let request = EvaluationRequest(model: model, source: .text(heldOut, context: 128))
            guard case .loss(let loss) = try await caplet.run(request) else { continue }
            print("\(model): perplexity \(loss.perplexity.value)")
        }

        let model = try LanguageModel(await caplet.open(small))
        let answer = try model.generate("The people of this country", GenerationOptions(maxTokens: 24, seed: 1))
        while let text = try answer.next() { print(text, terminator: "") }
        print()
    }
}
