import Execution
import LinearAlgebra
import ModelGraph
import TestSupport
import XCTest

@testable import LayerwiseCompression

/// The solvers beside NumPy, on a layer of the bundled model and on one with a strong low-rank part.
final class SolverReferenceTests: XCTestCase {
    private let weight = Matrix.random(40, 64, seed: 3)
    private let moment: Matrix = {
        var inputs = Matrix.random(200, 64, seed: 4)
        // Inputs of unequal power that go together.
        for row in 0..<200 {
            for column in 0..<64 {
                inputs[row, column] = inputs[row, column] * (0.2 + Float(column % 7) / 3) + 0.8 * inputs[row, column / 8]
            }
        }
        let sum = inputs.times(inputs, .transposed)
        return Matrix(rows: 64, columns: 64, elements: sum.elements.map { $0 / 200 })
    }()

    private func energy(_ error: Matrix, _ h: Matrix) throws -> Double {
        try NumPy.result(of: NumPy.solvers + "result = energy(e, h)", ["e": error, "h": h])[0]
    }

    /// The error of the outputs is that of the same steps in double precision, at most 2 % above that of the paper's 60, and far below that of
    /// the largest products of magnitude and input norm.
    func testSupportIsAsGoodAsThatOfNumPy() throws {
        let layer = try ReferenceLayer()
        for (w, h, keep) in [(weight, moment, 0.5), (weight, moment, 0.2), (layer.weight, layer.secondMoment, 0.4)] {
            let count = Int(keep * Double(w.elements.count))
            let ours = try SparseSolver(secondMoment: h, ExecutionContext()).solve(w, count: count, ExecutionContext())
            let theirs = try NumPy.result(
                of: NumPy.solvers + """
                    keep, _ = support(w, h, \(count), 20)
                    wanda = least_squares(w, h, largest(w * np.sqrt(np.diag(h)), \(count)))
                    result = [energy(w - least_squares(w, h, keep), h), energy(w - wanda, h), energy(w - ours, h), np.count_nonzero(ours),
                              energy(w - least_squares(w, h, alps(w, h, \(count), 60)[0]), h)]
                    """, ["w": w, "h": h, "ours": ours])
            XCTAssertEqual(theirs[2] / theirs[0], 1, accuracy: 0.02, "keep=\(keep)")
            XCTAssertLessThan(theirs[2], 0.98 * theirs[1], "keep=\(keep)")
            XCTAssertLessThan(theirs[2], 1.02 * theirs[4], "keep=\(keep)")
            XCTAssertEqual(Int(theirs[3]), count)
        }
    }

    /// On the support that was chosen every row is the least squares.
    func testValuesAreTheLeastSquaresOfNumPy() throws {
        let count = weight.elements.count * 3 / 10
        let ours = try SparseSolver(secondMoment: moment, ExecutionContext()).solve(weight, count: count, ExecutionContext())
        let theirs = try NumPy.result(
            of: NumPy.solvers + "result = least_squares(w, h, ours != 0)", ["w": weight, "h": moment, "ours": ours])
        let difference = zip(ours.elements, theirs).reduce(0.0) { $0 + pow(Double($1.0) - $1.1, 2) }
        XCTAssertLessThan(difference.squareRoot(), 1e-3 * theirs.reduce(0) { $0 + $1 * $1 }.squareRoot())
    }

    func testLowRankPartIsThatOfNumPy() throws {
        for rank in [1, 5, 20] {
            let (u, v) = try LowRankSolver(secondMoment: moment, ExecutionContext()).approximate(weight, rank: rank, ExecutionContext())
            XCTAssertEqual([u.columns, v.rows], [rank, rank])
            let theirs = try NumPy.result(
                of: NumPy.solvers + "l = low_rank(w, h, \(rank)); result = [l, energy(w - l, h), energy(w - ours, h)]",
                ["w": weight, "h": moment, "ours": u.times(v)])
            let reference = Matrix(rows: 40, columns: 64, elements: theirs.dropLast(2).map { Float($0) })
            XCTAssertLessThan(u.times(v).relativeFrobeniusError(to: reference), 2e-3, "rank \(rank)")
            XCTAssertEqual(theirs[theirs.count - 1] / theirs[theirs.count - 2], 1, accuracy: 1e-4, "rank \(rank)")
        }
    }

    /// L and S in turn: within some hundredths of NumPy's error, and better than either part alone.
    func testBothPartsTogether() throws {
        let strong = Matrix.randomLowRank(40, 64, rank: 3, seed: 5)
        let w = Matrix(rows: 40, columns: 64, elements: zip(strong.elements, weight.elements).map { $0 + 0.3 * $1 })
        let (rank, count) = (3, 500)
        let start = try LowRankSolver(secondMoment: moment, ExecutionContext()).approximate(w, rank: rank, ExecutionContext())
        let svd = try start.u.times(start.v).singularValueDecomposition()
        let triplets = SingularTriplets(
            u: svd.u.transposed.rows(0..<rank).transposed, singularValues: Array(svd.singularValues.prefix(rank)),
            vTransposed: svd.vTransposed.rows(0..<rank))
        let ours = try LayerSolver(secondMoment: moment, ExecutionContext()).solve(
            w, lowRank: triplets, entries: count, ExecutionContext())
        let factors = try XCTUnwrap(ours.lowRank)
        let result = factors.u.times(factors.v) + ours.sparse
        let theirs = try NumPy.result(
            of: NumPy.solvers + """
                result = [energy(w - alternate(w, h, start, \(rank), \(count)), h), energy(w - ours, h), energy(w - start, h),
                          energy(w - alternate(w, h, 0 * w, 0, \(count + rank * 104)), h)]
                """, ["w": w, "h": moment, "start": triplets.product, "ours": result])
        XCTAssertEqual(theirs[1] / theirs[0], 1, accuracy: 0.03)
        XCTAssertEqual(ours.outputError / theirs[1], 1, accuracy: 1e-3)
        XCTAssertLessThan(theirs[1], theirs[2])
        XCTAssertLessThan(theirs[1], theirs[3])
    }

    /// With prices of outputs: of inputs that do not go together the largest of √p·|w| stay, with the values that they have.
    func testPricedEntriesOfApartInputsAreTheDearest() throws {
        let prices = (0..<40).map { 0.1 + Float($0 % 5) }
        var identity = Matrix(zeros: 64, 64)
        for i in 0..<64 { identity[i, i] = 1 }
        let none = SingularTriplets.none(40, 64)
        let ours = try LayerSolver(secondMoment: identity, ExecutionContext()).solve(
            weight, lowRank: none, entries: 700, outputPrices: prices, ExecutionContext())
        let theirs = try NumPy.result(
            of: NumPy.solvers + """
                p = 0.1 + np.arange(40) % 5
                kept = largest(w * np.sqrt(p)[:, None], 700)
                result = [np.count_nonzero(kept != (ours != 0)), np.abs(ours - w * kept).max(), (p[:, None] * (w * ~kept) ** 2).sum()]
                """, ["w": weight, "ours": ours.sparse])
        XCTAssertEqual(theirs[0], 0)
        XCTAssertLessThan(theirs[1], 1e-4)
        XCTAssertEqual(ours.outputError / theirs[2], 1, accuracy: 1e-3)
    }

    /// With prices of outputs the error at these prices is less than without, values are the least squares on the support, and rank goes with them.
    func testPricesOfOutputsArePaid() throws {
        let prices = (0..<40).map { 0.1 + 3 * Float($0 % 4) }
        let solver = try LayerSolver(secondMoment: moment, ExecutionContext())
        let start = try LowRankSolver(secondMoment: moment, ExecutionContext()).approximate(weight, rank: 2, ExecutionContext())
        let svd = try start.u.times(start.v).singularValueDecomposition()
        let two = SingularTriplets(
            u: svd.u.transposed.rows(0..<2).transposed, singularValues: Array(svd.singularValues.prefix(2)),
            vTransposed: svd.vTransposed.rows(0..<2))
        for triplets in [SingularTriplets.none(40, 64), two] {
            let priced = try solver.solve(weight, lowRank: triplets, entries: 800, outputPrices: prices, ExecutionContext())
            let alike = try solver.solve(weight, lowRank: triplets, entries: 800, ExecutionContext())
            func low(_ solution: LayerSolver.Solution) -> Matrix { solution.lowRank.map { $0.u.times($0.v) } ?? Matrix(zeros: 40, 64) }
            let theirs = try NumPy.result(
                of: NumPy.solvers + """
                    p = np.sqrt(0.1 + 3 * (np.arange(40) % 4))[:, None]
                    best = least_squares(w - l, h, s != 0)
                    result = [energy(p * (w - l - s), h), energy(p * (w - l2 - s2), h), energy(p * (w - l - best), h), np.count_nonzero(s)]
                    """,
                ["w": weight, "h": moment, "s": priced.sparse, "l": low(priced), "s2": alike.sparse, "l2": low(alike)])
            XCTAssertLessThan(theirs[0], 0.9 * theirs[1], "rank \(triplets.rank)")
            XCTAssertEqual(theirs[0] / theirs[2], 1, accuracy: 1e-3, "rank \(triplets.rank)")
            XCTAssertEqual(priced.outputError / theirs[0], 1, accuracy: 1e-3, "rank \(triplets.rank)")
            XCTAssertEqual(Int(theirs[3]), 800)
        }
    }

    /// A root with a floor: E·C has the energy of E, and C·C⁻¹ is the identity, however the inverse is made.
    func testWhiteningIsARootAndItsInverse() throws {
        let error = Matrix.random(7, 64, seed: 9)
        for settings in [SolverSettings.Whitening.ofTruncation, .ofAlternation] {
            let whitening = try InputWhitening(secondMoment: moment, settings)
            let energy = try energy(error, moment)
            XCTAssertEqual(error.times(whitening.root).squaredFrobeniusNorm / energy, 1, accuracy: 1e-4)
            let identity = whitening.root.times(whitening.inverse)
            for i in 0..<64 { for j in 0..<64 { XCTAssertEqual(identity[i, j], i == j ? 1 : 0, accuracy: 2e-3) } }
        }
    }

    func testDampingAddsAShareOfTheMean() {
        let h = Matrix(rows: 2, columns: 2, elements: [3, 1, 1, 5])
        for damping in [SolverSettings.Damping.ofErrorCorrection, .ofLeastSquares] {
            XCTAssertEqual(h.damped(damping).elements, [3.04, 1, 1, 5.04])
        }
        let zero = Matrix(zeros: 2, 2)
        XCTAssertEqual(zero.damped(.ofErrorCorrection).elements, [1, 0, 0, 1])
        XCTAssertEqual(zero.damped(.ofLeastSquares)[0, 0], .leastNormalMagnitude)
    }

    func testBudgets() {
        XCTAssertEqual(ParameterBudget(keep: 0.5).parameters(of: 7), 3)
        XCTAssertEqual(ParameterBudget(keep: 0.5).rank(10, 30), 3)
        XCTAssertEqual(ParameterBudget.rank(of: 10_000, 10, 30), 10)
    }
}
