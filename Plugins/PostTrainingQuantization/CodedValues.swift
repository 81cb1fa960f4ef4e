import Execution
import LinearAlgebra
import ModelGraph

/// The values of a part that is to be coded, read some rows at a time from where the model has them.
struct CodedValues {
    private let payload: Payload
    /// Components that are taken off.
    let leading: LowRankTensor?
    private let factors: (u: Matrix, v: Matrix)?
    /// The tensor's, for errors.
    private let name: String

    init(_ payload: Payload, name: String, leading: LowRankTensor? = nil) throws {
        (self.payload, self.name, self.leading) = (payload, name, leading)
        factors = try leading.map { (try $0.u.densifiedMatrix(), try $0.v.densifiedMatrix()) }
    }

    var rows: Int { payload.shape.elementCount == 0 ? 0 : payload.shape.rows }
    var columns: Int { payload.shape.columns }

    /// The same without some components; with all of them for nil.
    func without(_ leading: LowRankTensor?) throws -> CodedValues { try CodedValues(payload, name: name, leading: leading) }

    /// Rows that are worked on at a time: of some million values, whatever the machine.
    var tiles: [Range<Int>] {
        let height = max(1, min(128, (1 << 20) / max(columns, 1)))
        return stride(from: 0, to: rows, by: height).map { $0..<min($0 + height, rows) }
    }

    /// The results of `body` for each tile, in order; tiles are read side by side.
    ///
    /// - Parameter stride: 1 for all tiles, else one in so many, evenly spaced.
    func mapTiles<Result>(
        _ execution: ExecutionContext, every stride: Int = 1, _ body: (_ rows: Range<Int>, UnsafeMutablePointer<Float>) throws -> Result
    ) throws -> [Result] {
        let all = tiles
        let (read, tiles, columns) = (
            try payload.floatRows(), all.indices.filter { $0 % stride == stride / 2 % all.count }.map { all[$0] }, columns
        )
        return try execution.uncheckedParallelMap(tiles.count) { index in
            let memory = UnsafeMutableBufferPointer<Float>.allocate(capacity: max(tiles[index].count * columns, 1))
            defer { memory.deallocate() }
            guard let values = memory.baseAddress else { preconditionFailure("no memory") }
            try read(tiles[index], values)
            if let (u, v) = factors {
                u.elements.withUnsafeBufferPointer { u in
                    v.elements.withUnsafeBufferPointer { right in
                        multiply(
                            m: tiles[index].count, n: columns, k: v.rows, alpha: -1, u.baseAddress! + tiles[index].lowerBound * v.rows,
                            .plain,
                            lda: v.rows, right.baseAddress!, .plain, ldb: columns, beta: 1, into: values, ldc: columns)
                    }
                }
            }
            return try body(tiles[index], values)
        }
    }

    /// All of them.
    ///
    /// - Throws: `GraphError.notFinite`.
    func matrix(_ execution: ExecutionContext) throws -> Matrix {
        let columns = columns
        return try Matrix(rows: rows, columns: columns) { out in
            let out = out
            _ = try mapTiles(execution) { rows, values in
                let count = rows.count * columns
                try check(values, count)
                out.baseAddress.map { ($0 + rows.lowerBound * columns).update(from: values, count: count) }
            }
        }
    }

    private func check(_ values: UnsafePointer<Float>, _ count: Int) throws {
        guard UnsafeBufferPointer(start: values, count: count).allSatisfy(\.isFinite) else {
            throw GraphError.notFinite("tensor '\(name)'")
        }
    }

    /// Σ of squares, and the scales with which codes to ±112 reach each group of a row: a little is left to ±127 for what errors that are fed
    /// forward add.
    ///
    /// - Parameter columnScales: as they are stored.
    /// - Throws: `GraphError.notFinite`.
    func measure(groupSize: Int, _ columnScales: [Float]?, _ execution: ExecutionContext) throws -> (square: Double, leastScales: [Float]) {
        let columns = columns
        let parts = try mapTiles(execution) { rows, values -> (Double, [Float]) in
            try check(values, rows.count * columns)
            var (square, least) = (0.0, [Float]())
            for row in 0..<rows.count {
                for start in stride(from: 0, to: columns, by: groupSize) {
                    var reach: Float = 0
                    for j in start..<min(start + groupSize, columns) {
                        let value = values[row * columns + j]
                        square += Double(value) * Double(value)
                        reach = max(reach, abs(value) / (columnScales?[j] ?? 1))
                    }
                    least.append(reach / 112)
                }
            }
            return (square, least)
        }
        return (parts.reduce(0) { $0 + $1.0 }, parts.flatMap(\.1))
    }
}
