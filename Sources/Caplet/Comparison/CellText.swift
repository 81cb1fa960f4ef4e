/// Cells as people read them.
package enum CellText {
    /// "0.1234 ± 0.0021" over the dense model.
    package static func excess(_ loss: TextLoss) -> String { number(loss.excess, loss.excessStandardError) }

    package static func number(_ value: Double, _ error: Double?) -> String {
        NumberText.decimal(value, places: 4) + (error.map { " ± \(NumberText.decimal($0, places: 4))" } ?? "")
    }
}
