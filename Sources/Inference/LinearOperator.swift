import CKernels
import Execution
import Matrices
import ModelGraph

/// y = x · Wᵀ for a weight W [out, in] in the form that costs the least, applied to rows of activations.
///
/// A low-rank term runs as two thin products, a sparse term straight from its pattern while it is sparse enough for that to
/// win over a dense product; dense, quantised and half-full sparse terms become one float matrix.
public struct LinearOperator: LinearMap {
    public let outputSize: Int
    public let inputSize: Int
    private var dense: Matrix?
    private var lowRank: [(u: Matrix, v: Matrix)] = []
    private var sparse: [SparseRows] = []
    private let products: any MatrixProduct

    /// Above this share of non-zeros a dense product is faster than a sparse one.
    static let sparseProductDensity = 0.08

    struct SparseRows {
        let words: [UInt64]
        let wordsPerRow: Int
        let values: [Float]
    }

    public init(_ matrix: Matrix, _ products: any MatrixProduct) {
        self.products = products
        outputSize = matrix.rows
        inputSize = matrix.columns
        dense = matrix
    }

    /// - Throws: `GraphError` when the payload cannot be computed with, or holds NaN or infinities.
    public init(
        _ payload: Payload, name: String, _ products: any MatrixProduct, _ execution: ExecutionContext = ExecutionContext(threads: 1)
    ) throws {
        self.products = products
        outputSize = payload.shape.rows
        inputSize = payload.shape.columns
        for term in payload.terms {
            switch term {
            case .lowRank(let tensor) where tensor.rank * (outputSize + inputSize) < outputSize * inputSize:
                lowRank.append((try tensor.u.densifiedMatrix(), try tensor.v.densifiedMatrix()))
            case .sparse(let tensor)
            where Double(tensor.pattern.nonZeroCount)
                < LinearOperator.sparseProductDensity * Double(outputSize * inputSize):
                try tensor.pattern.checkBits()
                sparse.append(
                    SparseRows(
                        words: try tensor.pattern.readWords(), wordsPerRow: tensor.pattern.wordsPerRow,
                        values: try tensor.values.densifiedFloats()))
            default:
                let matrix = try term.densifiedMatrix(execution)
                dense = dense.map { $0 + matrix } ?? matrix
            }
        }
        // A dense product is paid in any case then, and folding the thin ones into it is free from there on.
        if var folded = dense, !lowRank.isEmpty {
            for (u, v) in lowRank { folded = folded + products(u, v) }
            dense = folded
            lowRank = []
        }
        guard isFinite else { throw GraphError.notFinite("tensor '\(name)'") }
    }

    private var isFinite: Bool {
        (dense?.isFinite ?? true) && lowRank.allSatisfy { $0.u.isFinite && $0.v.isFinite }
            && sparse.allSatisfy { $0.values.allSatisfy(\.isFinite) }
    }

    /// Bytes that the operator holds.
    public var byteCount: Int {
        4 * ((dense?.elements.count ?? 0) + lowRank.reduce(0) { $0 + $1.u.elements.count + $1.v.elements.count })
            + sparse.reduce(0) { $0 + $1.words.count * 8 + $1.values.count * 4 }
    }

    /// output[tokens, out] ← input[tokens, in] · Wᵀ, or is added to when `accumulate`.
    public func apply(
        to input: UnsafePointer<Float>, tokens: Int, into output: UnsafeMutablePointer<Float>, accumulate: Bool
    ) {
        var beta: Float = accumulate ? 1 : 0
        if let dense {
            dense.elements.withUnsafeBufferPointer { weight in
                products(
                    m: tokens, n: outputSize, k: inputSize, input, .plain, lda: inputSize, weight.baseAddress!, .transposed,
                    ldb: inputSize, beta: beta, into: output, ldc: outputSize)
            }
            beta = 1
        }
        for (u, v) in lowRank where v.rows > 0 {
            withUnsafeTemporaryAllocation(of: Float.self, capacity: tokens * v.rows) { inner in
                v.elements.withUnsafeBufferPointer { v in
                    products(
                        m: tokens, n: u.columns, k: inputSize, input, .plain, lda: inputSize, v.baseAddress!, .transposed,
                        ldb: inputSize, into: inner.baseAddress!, ldc: u.columns)
                }
                u.elements.withUnsafeBufferPointer { weight in
                    products(
                        m: tokens, n: outputSize, k: u.columns, inner.baseAddress!, .plain, lda: u.columns,
                        weight.baseAddress!, .transposed, ldb: u.columns, beta: beta, into: output, ldc: outputSize)
                }
            }
            beta = 1
        }
        if beta == 0 { output.update(repeating: 0, count: tokens * outputSize) }
        for rows in sparse { add(rows, to: output, from: input, tokens: tokens) }
    }

    /// input[tokens, in] ← output[tokens, out] · W, or is added to when `accumulate`: how gradients pass.
    public func applyTransposed(
        to output: UnsafePointer<Float>, tokens: Int, into input: UnsafeMutablePointer<Float>, accumulate: Bool
    ) {
        var beta: Float = accumulate ? 1 : 0
        func add(_ weight: Matrix, _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, beta: Float) {
            weight.elements.withUnsafeBufferPointer { w in
                products(
                    m: tokens, n: weight.columns, k: weight.rows, x, .plain, lda: weight.rows, w.baseAddress!, .plain,
                    ldb: weight.columns, beta: beta, into: y, ldc: weight.columns)
            }
        }
        if let dense {
            add(dense, output, into: input, beta: beta)
            beta = 1
        }
        for (u, v) in lowRank where v.rows > 0 {
            withUnsafeTemporaryAllocation(of: Float.self, capacity: tokens * v.rows) { inner in
                add(u, output, into: inner.baseAddress!, beta: 0)
                add(v, inner.baseAddress!, into: input, beta: beta)
            }
            beta = 1
        }
        if beta == 0 { input.update(repeating: 0, count: tokens * inputSize) }
        for rows in sparse { add(matrix(rows), output, into: input, beta: 1) }
    }

    private func matrix(_ rows: SparseRows) -> Matrix {
        Matrix(rows: outputSize, columns: inputSize) { out in
            guard let out = out.baseAddress else { return }
            var used = 0
            for row in 0..<outputSize {
                rows.words.withUnsafeBufferPointer { words in
                    rows.values.withUnsafeBufferPointer { values in
                        // A pattern without any bit has no values to point at.
                        let base = values.baseAddress ?? UnsafePointer(out)
                        used += caplet_sparse_expand_row(
                            words.baseAddress! + row * rows.wordsPerRow, base + used, out + row * inputSize, inputSize)
                    }
                }
            }
        }
    }

    /// The sparse product works on token-contiguous activations, so that its inner loop runs over tokens.
    private func add(_ rows: SparseRows, to output: UnsafeMutablePointer<Float>, from input: UnsafePointer<Float>, tokens: Int) {
        let x = Matrix(rows: tokens, columns: inputSize, elements: Array(UnsafeBufferPointer(start: input, count: tokens * inputSize)))
            .transposed
        var y = Matrix(zeros: outputSize, tokens)
        y.elements.withUnsafeMutableBufferPointer { y in
            caplet_sparse_product(
                rows.words, rows.wordsPerRow, rows.values, outputSize, inputSize, x.elements, y.baseAddress, tokens)
        }
        let back = y.transposed
        for i in 0..<tokens * outputSize { output[i] += back.elements[i] }
    }
}
