import Foundation

/// The whole path on a real model, in two worlds: fewer bytes, beside llama.cpp's types, and fewer parameters, beside other pruning methods.
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
    private var weights: String { "\(model)/model.safetensors" }
    private var calibration: [String] { ["--calibration", "\(examples)/text/speeches-calibration.txt"] }
    private var text: String { "\(examples)/text/speeches-evaluation.txt" }
    private var small: String { "\(output)/wren-7m.caplet" }

    func run() throws {
        try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
        let bytes = try bytesTable()
        _ = try caplet.run(["verify", small])
        let parameters = try parametersTable()
        print("\nFewer bytes: everything is quantised. Fewer parameters: half of the linear layers'.")
        print("Excess is the rise of the mean loss on other speeches, in nats a token; same is how")
        print("often both models find the same token the likeliest.\n")
        bytes.lines.forEach { print($0) }
        print("")
        parameters.lines.forEach { print($0) }
        try printSentence()
        print(
            """

            Try next:
              caplet run \(small) --prompt "Fellow citizens" --max-tokens 60
              caplet inspect \(small)
              caplet compress MODEL -o small.caplet        # a model of your own
              caplet compress MODEL -o small.gguf --size 4GB --report run.html
            """)
    }

    /// Files of about as many bytes, by llama.cpp's types and by `compress --size`.
    private func bytesTable() throws -> DemoTable {
        let importance = "\(output)/imatrix.gguf"
        let calibrated = calibration + ["--context", "256"]
        _ = try caplet.run(["imatrix", model, "-o", importance, "--force"] + calibrated)
        var table = DemoTable(title: "fewer bytes", columns: ["bytes", "bits", "excess", "same", "seconds"])
        let dense = try size(weights)
        table.add("dense bf16", [DemoTable.grouped(dense), bits(dense), "0", "100 %", ""])
        for type in ["q4_k_m", "q3_k_m"] {
            let file = "\(output)/\(type).gguf"
            _ = try caplet.run(["convert", model, "-o", file, "--dtype", type, "--imatrix", importance, "--force"])
            table.add("GGUF \(type)", try row(file, seconds: nil))
        }
        let limit = try size("\(output)/q3_k_m.gguf")
        for (name, file, size) in [("GGUF --size", "\(output)/wren-7m.gguf", "\(limit)"), (".caplet --size", small, "3MB")] {
            let made = try caplet.json(
                Compression.self, ["compress", model, "-o", file, "--size", size, "--no-measure", "--force"] + calibrated)
            table.add(name, try row(file, seconds: made.seconds))
        }
        return table
    }

    /// Half of the linear layers' parameters, by several methods.
    private func parametersTable() throws -> DemoTable {
        var table = DemoTable(title: "fewer parameters", columns: ["linear", "bytes", "excess", "same", "seconds"])
        for (name, choice) in [
            ("wanda", ["--pipeline", "wanda{keep=0.5}"]), ("sparsegpt", ["--pipeline", "sparsegpt{keep=0.5}"]),
            ("--keep 0.5", ["--keep", "0.5"]),
        ] {
            let file = "\(output)/\(name.hasPrefix("--") ? "wren-7m-half" : name).caplet"
            let made = try caplet.json(
                Compression.self,
                ["compress", model, "-o", file] + choice + calibration
                    + ["--calibration-sequences", "32", "--context", "128", "--no-measure", "--force"])
            if table.isEmpty {
                table.add(
                    "dense bf16", [DemoTable.grouped(made.linearParametersBefore), DemoTable.grouped(try size(weights)), "0", "100 %", ""])
            }
            let found = try evaluate(file)
            table.add(
                name,
                [
                    DemoTable.grouped(made.linearParametersAfter), DemoTable.grouped(try size(file)), excess(found), same(found),
                    String(format: "%.1f", made.seconds),
                ])
        }
        return table
    }

    private func row(_ file: String, seconds: Double?) throws -> [String] {
        let (bytes, found) = (try size(file), try evaluate(file))
        return [DemoTable.grouped(bytes), bits(bytes), excess(found), same(found), seconds.map { String(format: "%.1f", $0) } ?? ""]
    }

    private func evaluate(_ path: String) throws -> Evaluation {
        try caplet.json(
            Evaluation.self, ["evaluate", path, "--original", model, "--text", text, "--context", "256", "--windows", "48"])
    }

    private func excess(_ found: Evaluation) -> String {
        String(format: "%.4f ± %.4f", found.meanNllDifference, found.meanNllDifferenceStandardError)
    }

    private func same(_ found: Evaluation) -> String { String(format: "%.1f %%", 100 * found.agreement) }

    private static let parameters = 6_819_072

    private func bits(_ bytes: Int) -> String { String(format: "%.2f", Double(bytes) * 8 / Double(Demo.parameters)) }

    private func size(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return (attributes[.size] as? Int) ?? 0
    }

    /// What the packed model writes, to the end of its first sentence.
    private func printSentence() throws {
        let prompt = "The people of this country"
        print("")
        let written = try caplet.run(["run", small, "--prompt", prompt, "--temperature", "0", "--max-tokens", "48"])
        let words = String(decoding: written, as: UTF8.self).split(whereSeparator: \.isWhitespace).joined(separator: " ")
        let end = words.firstIndex { ".!?".contains($0) } ?? words.lastIndex { $0 != " " }
        print("\n  \(prompt) \(end.map { String(words[...$0]) } ?? "")")
    }
}
