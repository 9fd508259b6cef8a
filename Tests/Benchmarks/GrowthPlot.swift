import Foundation

/// A plot of costs over the number of rows, as SVG. Every curve has its own scale from 0 to its maximum.
struct GrowthPlot {
  struct Curve {
    var name: String
    var color: String
    var points: [(rows: Int, value: Double)]
  }

  private static let (width, height, margin) = (640.0, 360.0, 60.0)
  var title: String
  var curves: [Curve]

  var svg: String {
    let (width, height, margin) = (Self.width, Self.height, Self.margin)
    let most = Double(curves.flatMap { $0.points.map(\.rows) }.max() ?? 1)
    func text(_ x: Double, _ y: Double, _ words: String, _ more: String = "") -> String {
      "<text x='\(Int(x))' y='\(Int(y))' font-family='sans-serif' font-size='12' \(more)>\(words)</text>"
    }
    var lines = [
      "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 \(Int(width)) \(Int(height))'>",
      "<rect width='100%' height='100%' fill='white'/>", text(margin, 20, title),
      "<path d='M\(margin) 40 V\(height - margin) H\(width - 20)' stroke='black' fill='none'/>",
    ]
    for share in [0.25, 0.5, 0.75, 1] {
      let x = margin + share * (width - margin - 20)
      lines.append(text(x, height - margin + 18, "\(Int(share * most) / 1000) k", "text-anchor='middle'"))
    }
    for (number, curve) in curves.enumerated() {
      let top = curve.points.map(\.value).max() ?? 1
      let path = curve.points.map { point in
        let x = margin + Double(point.rows) / most * (width - margin - 20)
        let y = height - margin - point.value / top * (height - margin - 60)
        return String(format: "%.1f,%.1f", x, y)
      }
      lines.append(
        "<polyline points='\(path.joined(separator: " "))' fill='none' stroke='\(curve.color)' stroke-width='2'/>"
      )
      lines.append(
        text(
          margin, height - 20 - Double(curves.count - 1 - number) * 16,
          String(format: "%@: at most %.1f", curve.name, top), "fill='\(curve.color)'"))
    }
    return (lines + ["</svg>"]).joined(separator: "\n") + "\n"
  }
}
