import BuiltIns
import CapletFormat
import Execution
import FormatKit
import Inference
import ModelGraph
import Models

/// The checks of `verify`: the file's own proofs, the contents of every tensor, the configuration and the tokenizer.
struct ModelCheck {
    let path: String
    let format: any FormatKit.Format
    let execution: ExecutionContext

    /// What was found to be in order, as lines "57 tensors".
    struct Counts {
        var lines: [String] = []

        mutating func add(_ count: Int, _ noun: String) { lines.append("\(NumberText.grouped(count)) \(noun)") }
    }

    /// - Throws: the first damage; `RequestError` of the kind `checkFailed` for values that are not finite.
    func run(_ model: Model) throws -> Counts {
        let graph = model.graph
        var counts = Counts()
        if let verifiable = format as? any VerifiableFormat {
            for (count, noun) in try verifiable.verify(path, execution) { counts.add(count, noun) }
        }
        try checkTensors(graph)
        counts.add(graph.tensors.count, "tensors read, all values finite")
        counts.add(graph.byteCount, "bytes of tensors")
        if let checked = try model.checkShapes() { counts.add(checked, "tensors of the shapes that the configuration asks for") }
        let pieces = try model.isEncoder ? model.sentenceTokenizer()?.count : model.tokenizer()?.vocabulary.count
        if let pieces { counts.add(pieces, "pieces in the tokenizer") }
        return counts
    }

    /// Compares the digest of the content with one from elsewhere.
    ///
    /// - Returns: a line "the SHA-256 digest that was asked for".
    /// - Throws: `RequestError` of the kind `checkFailed` when they differ.
    func compare(_ graph: TensorGraph, _ expected: SHA256Digest) throws -> String {
        let found = try CapletFormat.contentDigest(of: graph, execution)
        guard found == expected else {
            throw RequestError(
                .checkFailed, "\(path): the content has the SHA-256 digest \(found.hexadecimal), not \(expected.hexadecimal)")
        }
        return "content of the SHA-256 digest that was given"
    }

    private func checkTensors(_ graph: TensorGraph) throws {
        execution.progress.begin("verifying", total: graph.tensors.count, unit: "tensors")
        defer { execution.progress.end() }
        let found = try execution.mapReading(graph.tensors.map(\.payload.reading)) { index, atOnce -> Result<Int, any Error> in
            let tensor = graph.tensors[index]
            defer { execution.progress.advance(by: 1, remark: tensor.name) }
            return Result {
                do {
                    try tensor.checkInvariants()
                    return try tensor.payload.checkContents(atOnce: atOnce)
                } catch let error as GraphError {
                    throw FormatError.malformed(path, "tensor '\(tensor.name)'", "\(error)")
                }
            }
        }
        // The first in the order of the file, however many threads looked.
        let counts = try found.map { try $0.get() }
        let bad = zip(graph.tensors, counts).filter { $1 > 0 }
        guard bad.isEmpty else {
            let list = bad.map { "'\($0.name)' (\($1) of \($0.payload.parameterCount))" }.joined(separator: ", ")
            throw RequestError(.checkFailed, "\(path): NaN or infinite values in \(bad.count) tensors: \(list)")
        }
    }
}
