import CLibrary

/// A complex number.
struct Complex {
    var real: Double
    var imaginary: Double

    init(_ real: Double, _ imaginary: Double) { (self.real, self.imaginary) = (real, imaginary) }

    static func - (a: Complex, b: Complex) -> Complex { Complex(a.real - b.real, a.imaginary - b.imaginary) }
    static func / (a: Complex, b: Complex) -> Complex {
        let square = b.real * b.real + b.imaginary * b.imaginary
        return Complex(
            (a.real * b.real + a.imaginary * b.imaginary) / square, (a.imaginary * b.real - a.real * b.imaginary) / square)
    }

    func scaled(by factor: Double) -> Complex { Complex(real * factor, imaginary * factor) }

    /// The root with a real part that is not negative; for imaginary parts that are not negative.
    var squareRoot: Complex {
        let size = hypot(real, imaginary)
        return Complex(((size + real) / 2).squareRoot(), ((size - real) / 2).squareRoot())
    }
}
