import FormatKit
import FoundationEssentials
import ModelGraph
import PassKit

/// What a run of `compress` did, for a person and as JSON.
struct CompressionSummary: Encodable {
    let output: String
    let pipeline: String
    let seed: UInt64
    let parametersBefore: Int
    let parametersAfter: Int
    let linearParametersBefore: Int
    let linearParametersAfter: Int
    /// Stored tensors in memory, before the container's entropy coding.
    let tensorBytesBefore: Int
    let tensorBytesAfter: Int
    let outputBytes: Int
    let bitsPerWeight: Double
    let seconds: Double
    let peakMemoryBytes: Int
    let passes: [PassReport]

    init(
        output: String, pipeline: String, seed: UInt64, original: TensorGraph, compressed: TensorGraph, outputBytes: Int,
        seconds: Double, passes: [PassReport]
    ) {
        func linear(_ graph: TensorGraph) -> Int {
            graph.tensors.filter { $0.role == .linear }.reduce(0) { $0 + $1.payload.parameterCount }
        }
        self.output = output
        self.pipeline = pipeline
        self.seed = seed
        parametersBefore = original.parameterCount
        parametersAfter = compressed.parameterCount
        linearParametersBefore = linear(original)
        linearParametersAfter = linear(compressed)
        tensorBytesBefore = original.byteCount
        tensorBytesAfter = compressed.byteCount
        self.outputBytes = outputBytes
        // A weight is one of the original model's: kept or not.
        bitsPerWeight = original.parameterCount == 0 ? 0 : Double(outputBytes) * 8 / Double(original.parameterCount)
        self.seconds = seconds
        peakMemoryBytes = PeakMemory.bytes
        self.passes = passes
    }

    func print(_ session: Session) throws {
        if session.options.json {
            session.print(try JSONOutput.line(self))
            return
        }
        for pass in passes { printPass(pass, session) }
        session.print(
            "wrote \(output): \(NumberText.grouped(outputBytes)) bytes, \(NumberText.decimal(bitsPerWeight, places: 2)) bits a weight")
        session.print(
            "parameters \(NumberText.grouped(parametersBefore)) → \(NumberText.grouped(parametersAfter)), "
                + "in linear layers \(NumberText.grouped(linearParametersBefore)) → \(NumberText.grouped(linearParametersAfter))")
        session.print("passes took \(NumberText.decimal(seconds, places: 1)) s, peak memory \(NumberText.bytes(peakMemoryBytes))")
    }

    private func printPass(_ pass: PassReport, _ session: Session) {
        session.print(
            "\(pass.pass): \(pass.tensors.count) tensors, relative error \(NumberText.significant(pass.relativeError)), "
                + "\(NumberText.decimal(pass.seconds, places: 1)) s")
        for note in pass.notes { session.print("  \(note)") }
        for (reason, names) in grouped(pass.leftAlone) {
            let list = names.count <= 3 ? names.joined(separator: ", ") : "\(names.count) tensors"
            session.print("  left alone: \(list) (\(reason))")
        }
    }

    private func grouped(_ entries: [LeftAlone]) -> [(reason: String, names: [String])] {
        var groups: [(reason: String, names: [String])] = []
        for entry in entries {
            if let index = groups.firstIndex(where: { $0.reason == entry.reason }) {
                groups[index].names.append(entry.name)
            } else {
                groups.append((entry.reason, [entry.name]))
            }
        }
        return groups
    }

    /// The summary as a file of JSON, to be committed with the output.
    func prepare(in writer: AtomicFileWriter) throws -> PreparedWrite {
        try writer.write(Array(try JSONOutput.line(self).utf8) + [UInt8(ascii: "\n")])
        return try writer.prepared(WritePlan())
    }
}
