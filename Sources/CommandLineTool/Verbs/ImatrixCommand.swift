import ArgumentParser
import Caplet

struct ImatrixCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "imatrix",
        abstract: "Measure llama.cpp's importance matrix of a model.",
        discussion: """
            The mean square of each input of each linear layer over a text, for `convert --imatrix` and for llama-quantize. A name that ends in .dat \
            gives a file as llama-imatrix wrote it before GGUF.

            caplet imatrix model-folder -o imatrix.gguf --calibration text.txt
            caplet convert model-folder -o model.gguf --dtype q4_k_m --imatrix imatrix.gguf
            """)

    @Argument(help: "The model: a file or a folder of any format.")
    var model: String

    @Option(name: [.short, .long], help: "Where to write.")
    var output: String

    @OptionGroup var text: CalibrationOptions

    @Option(help: "Token sequences to take from the text, at even distances.")
    var calibrationSequences = 64

    @Option(help: "Format of the model, instead of looking at it.")
    var from: String?

    @Flag(help: "Replace what is at the output.")
    var force = false

    @OptionGroup var common: CommonOptions

    func validate() throws { try CountOption.check("--calibration-sequences", calibrationSequences, from: 1) }

    func run() throws {
        try Session.run(common) { session in
            var request = ImportanceRequest(model: model, output: output)
            request.calibration = text.text(sequences: calibrationSequences)
            request.format = from
            request.replacesOutput = force
            let result = try session.perform(request)
            if session.options.json {
                session.print(try JSONOutput.line(ImportanceReport(result)))
            } else {
                session.print("wrote \(result.output): \(result.entries) matrices, \(result.sequences) sequences")
            }
            return .done
        }
    }
}

private struct ImportanceReport: Encodable {
    let output: String
    let matrices: Int
    let sequences: Int

    init(_ result: ImportanceResult) { (output, matrices, sequences) = (result.output, result.entries, result.sequences) }
}
