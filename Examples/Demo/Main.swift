import Foundation

/// The whole path on a real model: compress, verify, evaluate before and after, and what was chosen where.
///
/// Arguments: the `caplet` program, the folder with wren-7m and its text, and a folder for what is made.
@main
struct Demo {
    private static func fail(_ line: String, status: Int32) -> Never {
        FileHandle.standardError.write(Data("\(line)\n".utf8))
        exit(status)
    }

    static func main() {
        guard CommandLine.arguments.count == 4 else {
            fail("usage: caplet-demo CAPLET EXAMPLES OUTPUT", status: 64)
        }
        do {
            try Demo(
                caplet: CapletRunner(executable: CommandLine.arguments[1]), examples: CommandLine.arguments[2],
                output: CommandLine.arguments[3]
            ).run()
        } catch {
            fail("demo: \(error)", status: 1)
        }
    }

    let caplet: CapletRunner
    let examples: String
    let output: String

    private var model: String { "\(examples)/wren-7m" }
    private var calibration: String { "\(examples)/text/speeches-calibration.txt" }
    private var text: String { "\(examples)/text/speeches-evaluation.txt" }

    private struct Row {
        let name: String
        let parameters: Int
        let linear: Int
        let bytes: Int
        let evaluation: Evaluation
        let seconds: Double?
        let peak: Int?
    }

    func run() throws {
        try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
        let small = "\(output)/wren-7m.caplet"
        let baseline = "\(output)/wren-7m-magnitude.caplet"
        let ours = try caplet.json(
            Compression.self, ["compress", model, "-o", small, "--keep", "0.5", "--calibration", calibration, "--force"])
        _ = try caplet.run(["verify", small])
        let simple = try caplet.json(
            Compression.self, ["compress", model, "-o", baseline, "--pipeline", "magnitude{keep=0.5}", "--force"])
        let before = try evaluate(model)
        let rows = [
            Row(
                name: "dense bf16", parameters: ours.parametersBefore, linear: ours.linearParametersBefore,
                bytes: try size("\(model)/model.safetensors"), evaluation: before, seconds: nil, peak: nil),
            Row(
                name: "magnitude", parameters: simple.parametersAfter, linear: simple.linearParametersAfter,
                bytes: simple.outputBytes, evaluation: try evaluate(baseline), seconds: simple.seconds, peak: simple.peakMemoryBytes),
            Row(
                name: "caplet", parameters: ours.parametersAfter, linear: ours.linearParametersAfter, bytes: ours.outputBytes,
                evaluation: try evaluate(small), seconds: ours.seconds, peak: ours.peakMemoryBytes),
        ]
        printTable(rows, weights: ours.parametersBefore)
        for pass in ours.passes {
            for note in pass.notes { print("\(pass.pass): \(note)") }
        }
        if let last = ours.passes.last { printLayers(last) }
        print("\nThe compressed model, tokenizer and configuration included, is \(small).")
    }

    private func evaluate(_ path: String) throws -> Evaluation {
        try caplet.json(Evaluation.self, ["evaluate", path, "--text", text, "--context", "256"])
    }

    private func size(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return (attributes[.size] as? Int) ?? 0
    }

    private func printTable(_ rows: [Row], weights: Int) {
        print("\nToken-level perplexity of held-out speeches, windows of 256; parameters of the linear layers in brackets.\n")
        print(line(["model", "parameters", "(linear)", "bytes", "bits/weight", "perplexity", "excess nats", "seconds", "peak memory"]))
        let dense = rows[0].evaluation.meanNll
        for row in rows {
            print(
                line([
                    row.name, "\(row.parameters)", "(\(row.linear))", "\(row.bytes)",
                    String(format: "%.2f", Double(row.bytes) * 8 / Double(weights)),
                    String(format: "%.2f ± %.2f", row.evaluation.perplexity, row.evaluation.perplexityStandardError),
                    String(format: "%.4f", row.evaluation.meanNll - dense),
                    row.seconds.map { String(format: "%.1f", $0) } ?? "-",
                    row.peak.map { String(format: "%.0f MB", Double($0) / 1e6) } ?? "-",
                ]))
        }
        print("")
    }

    private func line(_ cells: [String]) -> String {
        let widths = [11, 10, 10, 10, 11, 14, 11, 8, 11]
        return zip(cells, widths).enumerated().map { index, cell in
            let padding = String(repeating: " ", count: max(cell.1 - cell.0.count, 0))
            return index == 0 ? cell.0 + padding : padding + cell.0
        }.joined(separator: "  ")
    }

    /// Rank and density of every linear layer: a row a block, a column a layer.
    private func printLayers(_ pass: Compression.Pass) {
        let kinds = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
        print("\nRank + density of each layer:\n")
        func padded(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(width - text.count, 0)) + text }
        print(padded("block", 5) + kinds.map { padded($0, 13) }.joined())
        var block = 0
        while pass.tensors.contains(where: { $0.name.contains("layers.\(block).") }) {
            let cells = kinds.map { kind -> String in
                guard let tensor = pass.tensors.first(where: { $0.name.contains("layers.\(block).") && $0.name.contains(kind) }) else {
                    return "-"
                }
                return String(format: "%.0f + %.3f", tensor.measurement("rank"), tensor.measurement("density"))
            }
            print(padded("\(block)", 5) + cells.map { padded($0, 13) }.joined())
            block += 1
        }
    }
}
