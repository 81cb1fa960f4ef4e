import LinearAlgebra
import ModelGraph
import PassKit

/// What errors cost in a tensor, as it is kept on the way back through the model.
extension WeightCurvature {
    /// H, without what is below its diagonal where that is equal to the bit, and the prices of rows.
    var record: PassSnapshot {
        get throws {
            var found = PassSnapshot()
            let n = inputs.columns
            if isSymmetric {
                var upper: [Float] = []
                upper.reserveCapacity(n * (n + 1) / 2)
                for i in 0..<n { upper += inputs.elements[i * n + i..<(i + 1) * n] }
                try found.set("upper", upper)
            } else {
                try found.set("all", inputs.elements)
            }
            found.numbers["rows"] = rows
            return found
        }
    }

    /// Of a matrix with so many rows and columns; nil for a record that does not have them.
    init?(_ record: PassSnapshot, rows count: Int, columns n: Int) throws {
        guard let rows = record.numbers["rows"], rows.count == count else { return nil }
        if let upper = try record.floats("upper"), upper.count == n * (n + 1) / 2 {
            let inputs = Matrix(rows: n, columns: n) { out in
                var next = 0
                for i in 0..<n {
                    for j in i..<n {
                        (out[i * n + j], out[j * n + i]) = (upper[next], upper[next])
                        next += 1
                    }
                }
            }
            self.init(inputs: inputs, rows: rows)
        } else if let all = try record.floats("all"), all.count == n * n {
            self.init(inputs: Matrix(rows: n, columns: n) { out in for i in all.indices { out[i] = all[i] } }, rows: rows)
        } else {
            return nil
        }
    }

    private var isSymmetric: Bool {
        let n = inputs.columns
        for i in 0..<n {
            for j in 0..<i where inputs.elements[i * n + j].bitPattern != inputs.elements[j * n + i].bitPattern { return false }
        }
        return true
    }
}
