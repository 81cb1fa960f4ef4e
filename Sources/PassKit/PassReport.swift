/// What a pass did.
public struct PassReport: Codable, Sendable {
    /// The pass with the settings it was given, as pipeline text.
    public var pass: String
    public var parametersBefore = 0
    public var parametersAfter = 0
    public var bytesBefore = 0
    public var bytesAfter = 0
    /// ‖W' − W‖_F / ‖W‖_F over all touched tensors together, against what the pass was given.
    public var relativeError = 0.0
    public var seconds = 0.0
    /// What it took of the processors; nil in reports of earlier versions.
    public var work: PassWork?
    public var tensors: [TensorReport] = []
    public var leftAlone: [LeftAlone] = []
    /// Figures of the pass as a whole, such as losses, in the order of their making.
    public var measurements: [Measurement] = []
    /// Curves, such as the loss of each step.
    public var curves: [Curve] = []
    /// Lines for a person.
    public var notes: [String] = []
    /// What is likely not what was wanted; nil in reports of earlier versions.
    public var warnings: [String]?

    public init(pass: String) { self.pass = pass }

    public mutating func measure(_ name: String, _ value: Double) {
        measurements.append(Measurement(name: name, value: value))
    }

    /// Whether the model is what it was, value for value and byte for byte.
    public var changedNothing: Bool {
        bytesBefore == bytesAfter && parametersBefore == parametersAfter
            && tensors.allSatisfy { $0.squaredError == 0 && $0.bytesBefore == $0.bytesAfter && $0.parametersBefore == $0.parametersAfter }
    }

    public mutating func warn(_ warning: String) { warnings = (warnings ?? []) + [warning] }

    public func measurement(_ name: String) -> Double? { measurements.last { $0.name == name }?.value }
}

/// What the process took of the processors while a pass ran, since it began or went on: with that of other requests at the same time.
public struct PassWork: Codable, Sendable {
    /// Of all threads together.
    public let cpuSeconds: Double
    /// Floating-point operations of matrix algebra.
    public let operations: Int
    /// Those of products of matrices.
    public let productOperations: Int
    /// Those that were one of at least as many tasks side by side as there were threads: what more processors could take over.
    public let sharedOperations: Int
}

/// What a pass did to one tensor.
public struct TensorReport: Codable, Sendable {
    public let name: String
    public var parametersBefore: Int
    public var parametersAfter: Int
    public var bytesBefore: Int
    public var bytesAfter: Int
    /// ‖W' − W‖²_F and ‖W‖²_F.
    public var squaredError: Double
    public var squaredNorm: Double
    /// Figures of this tensor: "rank", "density", "objective", ….
    public var measurements: [Measurement]

    public init(
        name: String, parametersBefore: Int, parametersAfter: Int, bytesBefore: Int, bytesAfter: Int, squaredError: Double,
        squaredNorm: Double, measurements: [Measurement]
    ) {
        self.name = name
        self.parametersBefore = parametersBefore
        self.parametersAfter = parametersAfter
        self.bytesBefore = bytesBefore
        self.bytesAfter = bytesAfter
        self.squaredError = squaredError
        self.squaredNorm = squaredNorm
        self.measurements = measurements
    }

    public var relativeError: Double { squaredError == 0 ? 0 : (squaredError / squaredNorm).squareRoot() }

    public func measurement(_ name: String) -> Double? { measurements.first { $0.name == name }?.value }
}

public struct Measurement: Codable, Sendable {
    public let name: String
    public let value: Double

    public init(name: String, value: Double) {
        self.name = name
        self.value = value
    }
}

public struct Curve: Codable, Sendable {
    public let name: String
    public let values: [Double]

    public init(name: String, values: [Double]) {
        self.name = name
        self.values = values
    }
}

/// A tensor that a pass did not touch, and why.
public struct LeftAlone: Codable, Sendable {
    public let name: String
    public let reason: String

    public init(name: String, reason: String) {
        self.name = name
        self.reason = reason
    }
}
