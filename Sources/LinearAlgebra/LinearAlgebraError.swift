/// A LAPACK routine that did not succeed.
public struct LinearAlgebraError: Error, CustomStringConvertible {
    public let routine: String
    /// LAPACK's info: negative for an illegal argument, positive for no convergence or a matrix that is not definite.
    public let info: Int
    public let rows: Int
    public let columns: Int

    init(_ routine: String, info: Int, rows: Int, columns: Int) {
        self.routine = routine
        self.info = info
        self.rows = rows
        self.columns = columns
    }

    public var description: String { "\(routine) on a \(rows) × \(columns) matrix failed with info \(info)" }
}
