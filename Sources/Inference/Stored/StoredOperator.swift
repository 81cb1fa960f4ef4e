import CKernels
import Execution
import ModelGraph

/// A weight that stays in memory as it is stored, and is decoded a few rows at a time while it is applied: U · (V · x), sparse values,
/// packed codes, floats of any width, blocks.
///
/// Sums have an order of their own for each row: results do not depend on threads, on the processor's vectors, or on how many tokens
/// come at once.
final class StoredOperator: LinearMap {
    let outputSize: Int
    let inputSize: Int
    let byteCount: Int
    private let terms: [any RowTerm]
    private let factors: [(u: StoredOperator, v: StoredOperator)]
    private let team: WorkerTeam

    /// Products of fewer elements than this are not worth a second thread.
    private static let leastSharedElements = 1 << 15
    private static let partsPerThread = 4

    /// - Throws: `GraphError` for payloads that cannot be computed with, codes and positions that break their rules, scales and vectors
    ///   of factors that are not finite; what the storage throws.
    init(_ payload: Payload, name: String, _ arena: WeightArena, _ team: WorkerTeam) throws {
        outputSize = payload.shape.rows
        inputSize = payload.shape.columns
        self.team = team
        var terms: [any RowTerm] = []
        var factors: [(u: StoredOperator, v: StoredOperator)] = []
        let before = arena.byteCount
        var outside = 0
        for term in payload.terms {
            switch term {
            case .lowRank(let tensor):
                guard tensor.rank > 0 else { continue }
                let (u, v) = (
                    try StoredOperator(tensor.u, name: name, arena, team), try StoredOperator(tensor.v, name: name, arena, team)
                )
                factors.append((u, v))
            case .sparse(let tensor): terms.append(try SparseRowsTerm(tensor, name: name, arena))
            case .quantized(let tensor): terms.append(try PackedTerm(tensor, name: name, arena))
            case .dense(let tensor):
                let dense = try DenseRowsTerm.term(tensor, name: name, arena)
                terms.append(dense.term)
                outside += dense.bytesOutside
            case .blocks(let tensor):
                terms.append(try DecodedRowsTerm(.blocks(tensor.resident())))
                outside += tensor.byteCount
            case .composite: throw GraphError.inconsistent("tensor '\(name)'", "has a composite as a term")
            }
        }
        self.terms = terms
        self.factors = factors
        byteCount = arena.byteCount - before + outside
    }

    func apply(to input: UnsafePointer<Float>, tokens: Int, into output: UnsafeMutablePointer<Float>, accumulate: Bool) {
        if !accumulate { output.update(repeating: 0, count: tokens * outputSize) }
        for (u, v) in factors {
            withUnsafeTemporaryAllocation(of: Float.self, capacity: tokens * v.outputSize) { inner in
                guard let inner = inner.baseAddress else { return }
                v.apply(to: input, tokens: tokens, into: inner, accumulate: false)
                u.apply(to: inner, tokens: tokens, into: output, accumulate: true)
            }
        }
        for term in terms {
            let count = term.preparedCount(tokens: tokens)
            guard count > 0 else {
                add(term, input, tokens: tokens, to: output)
                continue
            }
            withVectorRoom(count) { prepared in
                term.prepare(input, tokens: tokens, into: prepared)
                add(term, prepared, tokens: tokens, to: output)
            }
        }
    }

    private func add(_ term: any RowTerm, _ input: UnsafePointer<Float>, tokens: Int, to output: UnsafeMutablePointer<Float>) {
        guard team.count > 1, outputSize * inputSize >= StoredOperator.leastSharedElements else {
            return term.add(0..<outputSize, of: input, tokens: tokens, to: output, stride: outputSize)
        }
        let blocks = RowBlock.count(outputSize)
        let parts = min(blocks, team.count * StoredOperator.partsPerThread)
        team.uncheckedForEach(parts) { _, part in
            let (first, last) = (blocks * part / parts, blocks * (part + 1) / parts)
            let rows = first * RowBlock.rows..<min(last * RowBlock.rows, outputSize)
            term.add(rows, of: input, tokens: tokens, to: output, stride: outputSize)
        }
    }

    /// One row as floats, [in].
    func readRow(_ row: Int, into out: UnsafeMutablePointer<Float>) {
        out.update(repeating: 0, count: inputSize)
        for term in terms { term.addRow(row, to: out) }
        for (u, v) in factors {
            withUnsafeTemporaryAllocation(of: Float.self, capacity: u.inputSize + inputSize) { room in
                guard let share = room.baseAddress else { return }
                let line = share + u.inputSize
                u.readRow(row, into: share)
                for k in 0..<u.inputSize {
                    v.readRow(k, into: line)
                    for i in 0..<inputSize { out[i] += share[k] * line[i] }
                }
            }
        }
    }

    func applyTransposed(to output: UnsafePointer<Float>, tokens: Int, into input: UnsafeMutablePointer<Float>, accumulate: Bool) {
        if !accumulate { input.update(repeating: 0, count: tokens * inputSize) }
        withUnsafeTemporaryAllocation(of: Float.self, capacity: inputSize) { line in
            guard let line = line.baseAddress else { return }
            for row in 0..<outputSize {
                readRow(row, into: line)
                for token in 0..<tokens {
                    let factor = output[token * outputSize + row]
                    for i in 0..<inputSize { input[token * inputSize + i] += factor * line[i] }
                }
            }
        }
    }
}
