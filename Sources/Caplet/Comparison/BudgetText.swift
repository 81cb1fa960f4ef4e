/// Budgets as people read them: a share of the parameters as it is, bytes in the unit that suits them.
package enum BudgetText {
    /// The fewest bytes that a budget has: below are shares.
    static let leastBytes = 1000.0

    package static func text(_ budget: Double) -> String {
        guard budget >= leastBytes else { return "\(budget)" }
        let parts = NumberText.bytes(Int(budget)).split(separator: " ")
        guard parts.count == 2, let number = Double(parts[0]) else { return "\(Int(budget))" }
        // What two places say is all that there is to say.
        let text = NumberText.significant(number, digits: 5)
        return Double(text) == number ? "\(text) \(parts[1])" : "\(Int(budget))"
    }

    /// As a part of a file's name.
    static func fileText(_ budget: Double) -> String { budget >= leastBytes ? "\(Int(budget))" : "\(budget)" }
}
