import CLibrary
import ModelGraph

/// How two tensors of one name stand to each other.
public struct TensorDifference: Sendable {
    /// What the comparison found.
    public enum Outcome: Sendable {
        /// Same dtype, shape and values; of codes, stored in the same way, whatever they were made from.
        case equal
        /// Same shape and values, another dtype.
        case otherDType
        case otherShape
        case otherValues
        /// Values of a dtype that is not computed with, and their bytes differ.
        case otherBytes
    }

    /// The name.
    public let name: String
    /// What was found.
    public let outcome: Outcome
    /// The largest |a − b|, and ‖a − b‖² and ‖a‖².
    public private(set) var largest = 0.0
    /// ‖a − b‖².
    public private(set) var squaredError = 0.0
    /// ‖a‖².
    public private(set) var squaredNorm = 0.0
    /// How the tensor is stored in each of the models, and its shape.
    public let left: String
    /// The same in the second model.
    public let right: String

    /// ‖a − b‖ / ‖a‖; infinite where only a is zero.
    public var relativeFrobeniusError: Double { TensorDifference.relative(squaredError, squaredNorm) }

    static func relative(_ squaredError: Double, _ squaredNorm: Double) -> Double {
        squaredError == 0 ? 0 : (squaredError / squaredNorm).squareRoot()
    }

    /// Reads both tensors, and no other.
    init(_ a: Tensor, _ b: Tensor) throws {
        name = a.name
        left = "\(a.payload.storageText) \(a.shape)"
        right = "\(b.payload.storageText) \(b.shape)"
        guard a.shape == b.shape else {
            outcome = .otherShape
            return
        }
        let hasSameDType = a.dtype == b.dtype || left == right && !TensorDifference.isPlain(a.payload)
        let hasSameBytes = try TensorDifference.haveSameBytes(a.payload, b.payload)
        if hasSameBytes {
            outcome = hasSameDType ? .equal : .otherDType
            return
        }
        guard TensorDifference.isComputable(a.payload), TensorDifference.isComputable(b.payload) else {
            outcome = a.dtype == b.dtype ? .otherBytes : .otherDType
            if a.dtype != b.dtype { (largest, squaredError, squaredNorm) = (.infinity, .infinity, 1) }
            return
        }
        let sums = try ErrorSums(a.payload, b.payload)
        (largest, squaredError, squaredNorm) = (sums.largest, sums.squaredError, sums.squaredNorm)
        outcome = squaredError > 0 ? .otherValues : (hasSameDType ? .equal : .otherDType)
    }

    /// Whether elements are stored as themselves.
    private static func isPlain(_ payload: Payload) -> Bool {
        if case .dense = payload { return true }
        return false
    }

    private static func isComputable(_ payload: Payload) -> Bool {
        if case .dense(let dense) = payload { return dense.dtype.isComputable }
        return true
    }

    private static func haveSameBytes(_ a: Payload, _ b: Payload) throws -> Bool {
        guard let a = a.elementArray, let b = b.elementArray, a.dtype == b.dtype, a.byteCount == b.byteCount else { return false }
        // Rows of those that are made by rows; bytes by themselves otherwise.
        let unit = max(a.bytes.rows?.bytesPerRow ?? b.bytes.rows?.bytesPerRow ?? 1, 1)
        let (count, length) = (a.byteCount / unit, max(runBytes / unit, 1))
        let (first, second) = (try a.bytes.openRows(of: unit), try b.bytes.openRows(of: unit))
        for start in stride(from: 0, to: count, by: length) {
            let run = start..<min(start + length, count)
            let areEqual = try first.withRows(run) { a in
                try second.withRows(run) { b in memcmp(a.baseAddress!, b.baseAddress!, a.count) == 0 }
            }
            if !areEqual { return false }
        }
        return true
    }

    /// Bytes that are compared at a time.
    private static let runBytes = 1 << 20

    /// What reading both takes.
    static func reading(_ a: Tensor, _ b: Tensor) -> PieceReading { a.payload.rowReading.and(b.payload.rowReading) }
}

/// Sums over two arrays of floats, in double.
struct ErrorSums {
    var largest = 0.0
    var squaredError = 0.0
    var squaredNorm = 0.0

    /// The sums over all elements of two payloads of one shape, read a run at a time where that can be.
    init(_ a: Payload, _ b: Payload) throws {
        let columns = a.shape.columns
        let (first, second) = (try a.floatRows(), try b.floatRows())
        for run in Payload.rowRuns(rows: a.shape.rows, columns: columns) {
            let x = try ErrorSums.floats(run, columns, first)
            add(x, try ErrorSums.floats(run, columns, second))
        }
    }

    private static func floats(_ rows: Range<Int>, _ columns: Int, _ read: FloatRowReader) throws -> [Float] {
        try [Float](unsafeUninitializedCapacity: rows.count * columns) { buffer, initialized in
            if let base = buffer.baseAddress, columns > 0 { try read(rows, base) }
            initialized = rows.count * columns
        }
    }

    init(_ a: [Float], _ b: [Float]) { add(a, b) }

    /// Equal infinities and two NaN are equal; a NaN against anything else is an infinite error.
    private mutating func add(_ a: [Float], _ b: [Float]) {
        for index in 0..<min(a.count, b.count) {
            let (x, y) = (Double(a[index]), Double(b[index]))
            if x.isFinite { squaredNorm += x * x }
            if x == y || x.isNaN && y.isNaN { continue }
            let error = abs(x - y)
            let counted = error.isFinite ? error : .infinity
            largest = max(largest, counted)
            squaredError += counted * counted
        }
    }
}
